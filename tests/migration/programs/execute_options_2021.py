"""execute() with options of the transpiler and of the run."""
from qiskit import IBMQ, QuantumCircuit, execute
from qiskit.transpiler import PassManager

provider = IBMQ.load_account()
backend = provider.get_backend('ibmq_london')

qc = QuantumCircuit(2, 2)
qc.h(0)
qc.cx(0, 1)
qc.measure([0, 1], [0, 1])

job = execute(
    qc,
    backend,
    initial_layout=[1, 3],  # the good pair
    optimization_level=2,
    seed_transpiler=11,
    backend_properties=backend.properties(),
    shots=64,  # few
    memory=True,
)
memory = job.result().get_memory()
used = {circuit.find_bit(each.qubits[0]).index for circuit in job.circuits() for each in circuit.data if each.operation.name == 'measure'}
by_hand = execute(experiments=qc, backend=provider.get_backend('ibmq_qasm_simulator'), pass_manager=PassManager(), shots=10).result()
