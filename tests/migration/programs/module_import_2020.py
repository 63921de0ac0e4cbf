"""Names by their modules."""
import qiskit
import qiskit.tools.jupyter
import qiskit.providers.aer as aer

qiskit.IBMQ.load_account()
provider = qiskit.IBMQ.get_provider(hub='ibm-q')
backend = qiskit.providers.ibmq.least_busy(provider.backends(simulator=False))

qc = qiskit.QuantumCircuit(1, 1)
qc.x(0)
qc.measure(0, 0)
job = qiskit.execute(qc, backend, shots=25)
qiskit.tools.monitor.job_monitor(job)
counts = job.result().get_counts()
at_home = qiskit.execute(qc, qiskit.Aer.get_backend('qasm_simulator'), shots=25).result().get_counts()
method = aer.AerSimulator(method='statevector').options.method
