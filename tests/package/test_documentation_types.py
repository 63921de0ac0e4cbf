"""The examples of docs/pipelines.md type-check as a reader's program would, with the plugin of returns."""

import subprocess
import sys
from pathlib import Path

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

ROOT = Path(__file__).parents[2]


def test_pipelines_type_check_and_a_wrong_one_does_not(tmp_path):
    sybil = Sybil(parsers=[PythonCodeBlockParser()], path=str(ROOT / "docs"), filenames=["pipelines.md"])
    blocks = [str(example.parsed) for example in sybil.parse(ROOT / "docs" / "pipelines.md").examples()]
    assert len(blocks) > 4
    program = tmp_path / "pipelines.py"
    program.write_text("\n".join(blocks), encoding="utf-8")
    # A step is left out: a submission reaches the step that takes a record.
    wrong = tmp_path / "wrong_pipelines.py"
    wrong.write_text("\n".join(blocks).replace("map_(as_record),", ""), encoding="utf-8")
    # It shares the cache of `make check`, and is quick where that is warm.
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(program), str(wrong)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in checked.stdout.splitlines() if ": error:" in line]
    assert len(errors) == 1, checked.stdout + checked.stderr
    assert "wrong_pipelines.py" in errors[0]
    assert "IOResult[Submission" in errors[0]
