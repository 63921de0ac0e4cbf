"""The noise of a device on a simulator at home."""
from qiskit import IBMQ, QuantumCircuit, execute
from qiskit.providers.aer import QasmSimulator
from qiskit.providers.aer.noise import NoiseModel

provider = IBMQ.load_account()
device = provider.get_backend('ibmq_belem')
noise_model = NoiseModel.from_backend(device)
coupling_map = device.configuration().coupling_map
basis_gates = noise_model.basis_gates

qc = QuantumCircuit(2, 2)
qc.h(0)
qc.cx(0, 1)
qc.measure([0, 1], [0, 1])
result = execute(qc, QasmSimulator(), coupling_map=coupling_map, basis_gates=basis_gates, noise_model=noise_model, shots=500).result()
counts = result.get_counts(0)
