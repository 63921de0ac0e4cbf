"""Pulses: none are taken today."""
from qiskit import IBMQ, pulse, assemble
from qiskit.pulse import Play, Gaussian

IBMQ.load_account()
provider = IBMQ.get_provider(hub='ibm-q')
backend = provider.get_backend('ibmq_armonk')
with pulse.build(backend=backend, name='drive') as program:
    pulse.play(Gaussian(duration=160, amp=0.1, sigma=40), pulse.drive_channel(0))
job = backend.run(program, meas_level=1, schedule_los=[])
