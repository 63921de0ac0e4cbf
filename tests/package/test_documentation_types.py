"""What a type checker says of programs: of the examples in docs/pipelines.md, and of attributes of a job."""

import subprocess
import sys
from pathlib import Path

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

ROOT = Path(__file__).parents[2]


def checked(*programs):
    """What mypy says of programs. It shares the cache of `make check`, and is quick where that is warm."""
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), *map(str, programs)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout + ran.stderr


def test_pipelines_type_check_and_a_wrong_one_does_not(tmp_path):
    sybil = Sybil(parsers=[PythonCodeBlockParser()], path=str(ROOT / "docs"), filenames=["pipelines.md"])
    blocks = [str(example.parsed) for example in sybil.parse(ROOT / "docs" / "pipelines.md").examples()]
    assert len(blocks) > 4
    program = tmp_path / "pipelines.py"
    program.write_text("\n".join(blocks), encoding="utf-8")
    # A step is left out: a submission reaches the step that takes a record.
    wrong = tmp_path / "wrong_pipelines.py"
    wrong.write_text("\n".join(blocks).replace("map_(as_record),", ""), encoding="utf-8")
    shown = checked(program, wrong)
    errors = [line for line in shown.splitlines() if ": error:" in line]
    assert len(errors) == 1, shown
    assert "wrong_pipelines.py" in errors[0]
    assert "IOResult[Submission" in errors[0]


ATTRIBUTES = """
import asyncio
from ibm_circuit_job import IBMCircuitJob, job_monitor

def costs(job: IBMCircuitJob) -> list[int]:
    job_monitor([job], interval=2.0)
    job.metadata["note"] = 1
    return [job.cost, len(job.hub), len(job.future().result().results)]

async def counts(job: IBMCircuitJob) -> int:
    return len((await job).results)

def any_field(job: IBMCircuitJob) -> object:
    return getattr(job, "colour")

def wrong(job: IBMCircuitJob) -> object:
    return job.foo_bar
"""


def test_attribute_that_is_not_published_does_not_type_check(tmp_path):
    program = tmp_path / "attributes_of_jobs.py"
    program.write_text(ATTRIBUTES, encoding="utf-8")
    errors = [line for line in checked(program).splitlines() if ": error:" in line]
    assert len(errors) == 1, errors
    assert '"IBMCircuitJob" has no attribute "foo_bar"' in errors[0]
