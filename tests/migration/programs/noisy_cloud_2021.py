"""The noise of a device, on the simulator in the cloud."""
from qiskit import IBMQ, QuantumCircuit, execute
from qiskit.providers.aer.noise import NoiseModel

provider = IBMQ.load_account()
noise_model = NoiseModel.from_backend(provider.get_backend('ibmq_athens'))
qc = QuantumCircuit(1, 1)
qc.x(0)
for _ in range(400):
    qc.id(0)
qc.measure(0, 0)
job = execute(qc, provider.get_backend('ibmq_qasm_simulator'), noise_model=noise_model, shots=500,
              basis_gates=noise_model.basis_gates, optimization_level=0)
counts = job.result().get_counts()
