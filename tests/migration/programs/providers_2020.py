"""All providers, and all of their backends."""
from qiskit import IBMQ

IBMQ.load_account()
for provider in IBMQ.providers():
    for backend in provider.backends():
        print('{:20} {:3} qubits, queue {}'.format(backend.name(), backend.configuration().n_qubits, backend.status().pending_jobs))
names = [b.name() for b in IBMQ.get_provider('ibm-q').backends()]
