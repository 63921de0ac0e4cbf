"""The Qiskit textbook: least busy device, job monitor, histogram."""
from qiskit import QuantumCircuit, execute, IBMQ, Aer
from qiskit.providers.ibmq import least_busy
from qiskit.tools.monitor import job_monitor
from qiskit.visualization import plot_histogram

# Load our saved IBMQ accounts and get the least busy backend device with at least 2 qubits
IBMQ.load_account()
provider = IBMQ.get_provider(hub='ibm-q')
backend = least_busy(provider.backends(filters=lambda x: x.configuration().n_qubits >= 2 and
                                       x.configuration().n_qubits < 20 and
                                       not x.configuration().simulator and x.status().operational==True))
print("least busy backend: ", backend)

qc = QuantumCircuit(2, 2)
qc.h(0)
qc.cnot(0, 1)
qc.measure([0, 1], [0, 1])

# Run our circuit on the least busy backend. Monitor the execution of the job in the queue
job = execute(qc, backend=backend, shots=256, optimization_level=3)
job_monitor(job, interval=2)

counts = job.result().get_counts(qc)
figure = plot_histogram(counts)
