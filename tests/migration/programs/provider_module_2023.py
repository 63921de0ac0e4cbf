"""qiskit-ibm-provider by its module."""
import qiskit_ibm_provider
import qiskit_ibm_provider as qip
from qiskit import QuantumCircuit

provider = qiskit_ibm_provider.IBMProvider()
backend = provider.get_backend('local_simulator')
qc = QuantumCircuit(1)
qc.x(0)
qc.measure_all()
job = backend.run(qc, shots=12)
qip.job.job_monitor(job)
try:
    provider.retrieve_job('no such job')
except qip.exceptions.IBMError as error:
    said = str(error)
counts = job.result().get_counts()
