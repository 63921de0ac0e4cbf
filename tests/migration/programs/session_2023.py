"""qiskit-ibm-provider 0.7: a session around several jobs."""
from qiskit import QuantumCircuit
from qiskit.compiler import transpile
from qiskit_ibm_provider import IBMProvider

provider = IBMProvider()
backend = provider.get_backend("local_5q")

circuit = QuantumCircuit(2)
circuit.x(0)
circuit.cx(0, 1)
circuit.measure_all()
transpiled = transpile(circuit, backend)

with backend.open_session(max_time="5m") as session:
    jobs = [backend.run(transpiled, shots=50) for _ in range(2)]
    results = [job.result() for job in jobs]
ids = {job.session_id for job in jobs}
