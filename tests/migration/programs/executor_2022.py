"""Accounts of tokens inside of methods, as wrappers of several vendors have them."""
import os

from qiskit import IBMQ, QuantumCircuit, execute


class Executor:
    def __init__(self, **options):
        self.options = options

    def run(self, circuits, name, token, url):
        IBMQ.enable_account(token, url)
        provider = IBMQ.get_provider()
        self.options['backend'] = provider.get_backend(name)
        result = execute(circuits, backend=self.options['backend'], shots=30, optimization_level=0).result()
        self.name = self.options['backend'].name()
        IBMQ.disable_account()
        return result


def connect():
    if not IBMQ.active_account():
        IBMQ.load_account()
    return IBMQ.get_provider(hub='ibm-q')


qc = QuantumCircuit(1, 1)
qc.x(0)
qc.measure(0, 0)
executor = Executor()
counts = executor.run([qc], 'local_simulator', os.environ['MY_TOKEN'], os.environ['MY_URL']).get_counts()
