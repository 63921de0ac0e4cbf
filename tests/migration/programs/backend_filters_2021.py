"""Backends by what they are."""
from qiskit import IBMQ
from qiskit.providers.ibmq import IBMQBackend, IBMQError

provider = IBMQ.load_account()
devices = provider.backends(simulator=False, operational=True)
large = provider.backends(filters=lambda b: b.configuration().n_qubits > 5 and not b.configuration().simulator)
small = [b for b in devices if b.configuration().num_qubits <= 5][0]
name = small.name()
are_backends = all(isinstance(b, IBMQBackend) for b in devices)
t1 = small.properties().t1(0)
readout = small.properties().readout_error(0)
gates = small.configuration().basis_gates
coupling = small.configuration().coupling_map
