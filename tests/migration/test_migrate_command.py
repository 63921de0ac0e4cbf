"""The command as it is typed."""

import pytest
from command_line import run_line

OLD = "from qiskit_ibm_provider import IBMProvider\n"
NEW = "from ibm_circuit_job import IBMProvider\n"


def typed(*words):
    ran = run_line("migrate", *map(str, words))
    return ran.exit_code, ran.stdout, " ".join(ran.stderr.split())


def test_diff_is_printed_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.py").write_text(OLD)
    code, diff, said = typed("old.py")
    assert (code, said) == (0, "")
    assert diff == f"--- a/old.py\n+++ b/old.py\n@@ -1 +1 @@\n-{OLD}+{NEW}"
    assert (tmp_path / "old.py").read_text() == OLD


def test_folder_is_searched_but_for_installed_packages(tmp_path):
    wanted = [tmp_path / "a" / "one.py", tmp_path / "two.py"]
    others = [tmp_path / ".ipynb_checkpoints" / "x.py", tmp_path / "venv" / "y.py", tmp_path / "notes.txt"]
    for path in (*wanted, *others):
        path.parent.mkdir(exist_ok=True)
        path.write_text(OLD)
    assert typed(tmp_path, "--write")[0] == 0
    assert [path.read_text() for path in wanted] == [NEW, NEW]
    assert {path.read_text() for path in others} == {OLD}


def test_encoding_of_the_file_stays(tmp_path):
    file = tmp_path / "old.py"
    file.write_bytes(b"# -*- coding: latin-1 -*-\n# \xfc\n" + OLD.encode())
    assert typed(file, "--write")[0] == 0
    assert file.read_bytes() == b"# -*- coding: latin-1 -*-\n# \xfc\n" + NEW.encode()


def test_what_is_left_has_exit_code_6_and_the_line(tmp_path):
    file = tmp_path / "pulse.py"
    file.write_text("import numpy\nfrom qiskit import pulse\n")
    code, diff, said = typed(file)
    assert (code, diff) == (6, "")
    assert "pulse.py:2: change by hand: qiskit.pulse: IBM's devices take no pulses" in said


@pytest.mark.parametrize("content", [b"print 'x'\n", b"\xff\xfe\n", b"# coding: nothing\n"])
def test_file_that_cannot_be_read_has_exit_code_1(content, tmp_path):
    (tmp_path / "bad.py").write_bytes(content)
    (tmp_path / "good.py").write_text(OLD)
    code, _, said = typed(tmp_path, "--write")
    assert (code, (tmp_path / "good.py").read_text()) == (1, NEW)
    assert "bad.py: " in said


@pytest.mark.parametrize("name", ["absent.py", "notes.txt", "empty"])
def test_wrong_path_has_exit_code_2(name, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text(OLD)
    assert typed(tmp_path / name)[0] == 2


def test_without_libcst_the_extra_is_named(tmp_path, monkeypatch, program):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.py").write_text(OLD)
    text = (
        "import sys; sys.modules['libcst'] = None; sys.argv = ['ibm-circuit-job', 'migrate', 'old.py'];"
        "from ibm_circuit_job.cli import main; main()"
    )
    with program("-c", text) as ran:
        out, said = ran.communicate()
    assert (ran.returncode, out) == (1, "")
    assert "install ibm-circuit-job[migrate]" in said
