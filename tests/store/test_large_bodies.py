"""A large body is saved and loaded in memory that does not grow with it."""

import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("large_body.py").read_text()
MEGABYTES, MOST = 60, 100


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of the memory is read from /proc")
def test_large_body_is_saved_and_loaded_without_a_copy(program, tmp_path):
    beside = {}
    for doing in ("save", "load"):
        with program("-c", PROGRAM, f"{tmp_path}/jobs.sqlite", doing, f"{MEGABYTES}") as process:
            printed, errors = process.communicate()
        assert process.returncode == 0, errors
        beside[doing] = int(printed)
    assert max(beside.values()) < MOST, beside
