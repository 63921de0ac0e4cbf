"""The examples of docs/pipelines.md type-check as a reader's program would, with the plugin of returns."""

import subprocess
import sys
from pathlib import Path

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

ROOT = Path(__file__).parent.parent


def test_pipelines_of_the_documentation_type_check(tmp_path):
    sybil = Sybil(parsers=[PythonCodeBlockParser()], path=str(ROOT / "docs"), filenames=["pipelines.md"])
    blocks = [str(example.parsed) for example in sybil.parse(ROOT / "docs" / "pipelines.md").examples()]
    assert len(blocks) > 4
    program = tmp_path / "pipelines.py"
    program.write_text("\n".join(blocks), encoding="utf-8")
    # It shares the cache of `make check`, and is quick where that is warm.
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
