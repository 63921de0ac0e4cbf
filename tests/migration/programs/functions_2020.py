"""Imports and log-in inside functions."""


def backend_of(name):
    from qiskit import IBMQ
    if not IBMQ.active_account():
        IBMQ.load_account()
    provider = IBMQ.get_provider(hub='ibm-q')
    return provider.get_backend(name)


def run(qc, shots):
    """Submit, wait and count."""
    from qiskit import execute  # slow to import
    from qiskit.tools.monitor import job_monitor

    backend = backend_of('ibmq_qasm_simulator')
    job = execute(qc, backend=backend, shots=shots)
    job_monitor(job)
    return backend.name(), job.result().get_counts()


def bell():
    from qiskit import QuantumCircuit
    qc = QuantumCircuit(2)
    qc.h(0)
    qc.cx(0, 1)
    qc.measure_all()
    return qc


if __name__ == '__main__':
    name, counts = run(bell(), 40)
