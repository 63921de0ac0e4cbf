"""What the rewriting does with single lines, and what it leaves alone."""

import json

import pytest
import qiskit
from rewritten import migrated, migrated_notebook

import ibm_circuit_job
from ibm_circuit_job.cli.migration import names

HEAD = (
    "from qiskit import IBMQ, execute, assemble\nprovider = IBMQ.load_account()\nbackend = provider.get_backend('x')\n"
)


def body(program):
    """Rewrite lines below the usual first ones, and return them."""
    return migrated(HEAD + program).text.partition("backend = provider.get_backend('x')\n")[2]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("execute(qc, backend)", "backend.run(transpile(qc, backend))"),
        ("execute(backend=backend, experiments=qc)", "backend.run(transpile(qc, backend))"),
        (
            "execute([a, b], backend, seed_transpiler=1, seed_simulator=2)",
            "backend.run(transpile([a, b], backend, seed_transpiler=1), seed_simulator=2)",
        ),
        (
            "execute(qc, made())",
            "(execute_backend := made()).run(transpile(qc, execute_backend))",
        ),
        ("execute(qc, backend, qobj_header={})", "backend.run(transpile(qc, backend), header={})"),
        ("backend.run(qc, job_name='n', job_tags=t)", "backend.run(qc, job_tags=[*t, 'n'])"),
        ("backend.run(assemble(qc, backend, shots=3))", "backend.run(qc, shots=3)"),
        ("backend.name()", "backend.name"),
        ("print(execute(qc, backend).backend().name())", "print(backend.run(transpile(qc, backend)).backend().name)"),
        ("backend.retrieve_job(i)", "backend.provider.retrieve_job(i)"),
        ("backend.jobs(limit=2)", "backend.provider.jobs(limit=2, backend_name=backend.name)"),
        ("backend.active_jobs()", 'backend.provider.jobs(status="pending", backend_name=backend.name)'),
        ("provider.backends.jobs(limit=2)", "provider.jobs(limit=2)"),
        ("provider.backends.ibm_fez", 'provider.get_backend("ibm_fez")'),
        ("provider.backends(instance='a/b/c', simulator=True)", "provider.backends(simulator=True)"),
        ("provider.get_backend('ibm_fez', instance='mine')", "provider.get_backend('ibm_fez', instance='mine')"),
        ("circuit.u1(a, 0)", "circuit.p(a, 0)"),
        ("print(job.backend().name())", "print(job.backend().name)"),
        ("circuit.x(0).c_if(c, 1)", "with circuit.if_test((c, 1)):\n    circuit.x(0)"),
        ("circuit.x(0).c_if(2, 1)", "with circuit.if_test((circuit.clbits[2], 1)):\n    circuit.x(0)"),
        ("text = circuit.qasm()", "text = qasm2.dumps(circuit)"),
    ],
)
def test_call_is_rewritten(before, after):
    assert body(before) == after


@pytest.mark.parametrize(
    "line",
    [
        "job.name()",
        "circuit.name",
        "executor.execute(qc, backend)",
        "register.name()",
        "backend.status()",
        "provider.backends(simulator=True)",
        "provider.get_backend('ibm_fez')",
        "f(execute=1)",
    ],
)
def test_what_is_right_already_stays(line):
    assert body(line) == line


def test_comments_inside_of_a_call_stay():
    after = body(
        "job = execute(\n    qc,  # first\n    backend,\n    optimization_level=3,  # third\n    shots=5,  # last\n)\n"
    )
    assert all(f"# {each}" in after for each in ("first", "third", "last"))
    assert "transpile(qc, backend, optimization_level=3)" in after


def test_comments_of_imports_and_of_the_log_in_stay():
    after = migrated(
        "from qiskit import (\n    IBMQ,  # one\n    QuantumCircuit,  # two\n)\n# three\nIBMQ.load_account()  # four\n"
        "provider = IBMQ.get_provider()  # five\n"
    ).text
    assert [word for word in ("one", "two", "three", "four", "five") if f"# {word}" not in after] == []
    assert "load_account" not in after


def test_file_without_qiskit_is_not_changed():
    program = "from qconfig import IBMQ, execute\nIBMQ.load_account()\nexecute(circuit, backend).name()\n"
    assert migrated(program).text == program
    assert migrated(program).remarks == ()


def test_function_of_the_program_named_execute_stays():
    program = "from qiskit import *\ndef execute(circuit, backend):\n    return None\nexecute(1, 2)\n"
    assert migrated(program).text == program


def test_line_endings_and_signs_stay():
    after = migrated("from qiskit_ibm_provider import IBMProvider\r\nθ = 'ü'\r\n").text
    assert after == "from ibm_circuit_job import IBMProvider\r\nθ = 'ü'\r\n"


def test_import_in_a_block_is_rewritten_there():
    after = migrated("try:\n    from qiskit import execute\nexcept ImportError:\n    raise\njob = execute(a, b)\n").text
    assert after.startswith("try:\n    from qiskit import transpile\nexcept")
    assert after.endswith("job = b.run(transpile(a, b))\n")


def test_needed_import_stands_below_docstring_and_future():
    after = migrated('"""Doc."""\nfrom __future__ import annotations\nimport qiskit\nqiskit.IBMQ.load_account()\n').text
    assert after.splitlines()[2:4] == ["import qiskit", "from ibm_circuit_job import IBMProvider"]


def test_url_that_is_switched_off_is_left_out_with_a_remark():
    done = migrated(
        "from qiskit import IBMQ\np = IBMQ.enable_account(T, 'https://auth.quantum-computing.ibm.com/api')\n"
    )
    assert "p = IBMProvider(T)" in done.text
    assert [(each.line, each.is_left) for each in done.remarks] == [(2, False)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("IBMProvider(T, U, 'name', 'CRN')", "IBMProvider(T, U, 'name', 'CRN')"),
        ("IBMProvider(T, instance='a/b/c')", "IBMProvider(T)"),
        (
            "IBMProvider.save_account(T, instance='a/b/c', overwrite=True)",
            "IBMProvider.save_account(T, overwrite=True)",
        ),
        ("IBMProvider.saved_accounts()", "IBMProvider.saved_accounts()"),
    ],
)
def test_arguments_of_the_provider_stay_unless_they_are_of_classic(before, after):
    done = migrated(f"from qiskit_ibm_provider import IBMProvider\n{before}\n")
    assert done.text == f"from ibm_circuit_job import IBMProvider\n{after}\n"


def test_url_of_another_service_stays():
    assert (
        "IBMProvider(T, 'http://127.0.0.1:8080/api')"
        in migrated("from qiskit import IBMQ\np = IBMQ.enable_account(T, 'http://127.0.0.1:8080/api')\n").text
    )


def test_account_of_a_token_has_a_name_that_is_free():
    after = migrated("from qiskit import IBMQ\naccount = 1\nIBMQ.enable_account(T)\nb = IBMQ.get_backend('x')\n").text
    assert "account_1 = IBMProvider(T)\nb = account_1.get_backend('x')" in after


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("from qiskit import pulse", "pulses"),
        ("import qiskit.ignis", "qiskit-experiments"),
        ("from qiskit.test.mock import FakeVigo", "fake_provider"),
        ("from qiskit_ibm_provider import nothing_of_this", "has no nothing_of_this"),
        ("from qiskit import IBMQ\nprint(IBMQ)", "only its calls"),
        ("from qiskit import execute\nexecute(*everything)", "no names"),
        ("from qiskit import IBMQ\np = IBMQ.load_account()\np.get_backend('ibmqx2')", "ibmqx2 is retired"),
        ("import qiskit\nqc.x(0).c_if(c, 1); qc.z(0).c_if(c, 0)", "if_test"),
        ("from qiskit import assemble\nq = assemble(a, shots=1)\nq = assemble(b, shots=2)", "assemble"),
    ],
)
def test_what_cannot_be_changed_is_said_with_its_line(line, why):
    found = [each for each in migrated(line).remarks if each.is_left]
    assert why in found[-1].text
    assert found[-1].line == len(line.splitlines())


def test_retired_device_gives_way_to_the_one_that_is_named():
    done = migrated("from qiskit import IBMQ\nb = IBMQ.load_account().get_backend('ibmq_lima')\n", backend="ibm_fez")
    assert 'get_backend("ibm_fez")' in done.text
    assert not any(each.is_left for each in done.remarks)


def test_text_that_is_no_python_3_is_refused_with_its_line():
    with pytest.raises(ValueError, match="line 2 is no Python 3"):
        migrated("import qiskit\nprint 'counts'\n")


def test_every_name_of_ours_that_is_written_is_public():
    assert set(names._OTHER_SPELLING.values()) <= set(ibm_circuit_job.__all__)
    ours = {each.name for each in names._MOVED.values() if each.module == names.PACKAGE}
    assert ours <= {*ibm_circuit_job.__all__, "__version__"}


def test_circuit_methods_are_those_of_qiskit_today():
    assert all(hasattr(qiskit.QuantumCircuit, new) for new in names.CIRCUIT_METHODS.values())
    assert not any(hasattr(qiskit.QuantumCircuit, old) for old in names.CIRCUIT_METHODS)


def notebook(*cells, **more):
    made = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": cell} for cell in cells]
    return json.dumps({"cells": made, "metadata": more, "nbformat": 4, "nbformat_minor": 2}, indent=1) + "\n"


def test_notebook_stays_as_it_is_but_for_its_changed_lines():
    before = notebook(["%matplotlib inline\n", "from qiskit import execute, IBMQ\n"], ["execute(a, b)"], name="ü")
    after = migrated_notebook(before).migrated.text
    changed = {line.strip() for line in after.splitlines()} - {line.strip() for line in before.splitlines()}
    # The account is not used, so that nothing is imported for it.
    assert changed == {'"from qiskit import transpile\\n"', '"b.run(transpile(a, b))"', '"name": "ü"'}


@pytest.mark.parametrize(
    "magic", ["%time f()", "!ls", "%%time", "f?", "out = !ls", "%%capture out", "x = %timeit -o f()"]
)
def test_lines_of_ipython_stay(magic):
    before = f"{magic}\nimport qiskit\nqc.cnot(0, 1)"
    [cell] = migrated_notebook(notebook(before)).cells
    assert cell.after == before.replace("cnot", "cx")


def test_cell_of_another_language_stays():
    assert migrated_notebook(notebook("%%bash\nqiskit 'execute", "import qiskit")).cells == ()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": 1}', '{"cells": [{"cell_type": "code"}]}'])
def test_what_is_no_notebook_is_refused(text):
    with pytest.raises(ValueError, match="expected the JSON of a notebook"):
        migrated_notebook(text)


def test_cell_that_is_no_python_is_named():
    with pytest.raises(ValueError, match="cell 2, line 1 is no Python 3"):
        migrated_notebook(notebook("import qiskit", "print 'x'"))
