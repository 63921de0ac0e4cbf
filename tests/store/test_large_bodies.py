"""A large body is saved and loaded in memory that does not grow with it."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("large_body.py")
MEGABYTES, MOST = 100, 130


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of the memory is read from /proc")
def test_large_body_is_saved_and_loaded_without_a_copy(tmp_path):
    beside = {}
    for doing in ("save", "load"):
        command = [sys.executable, PROGRAM, tmp_path / "jobs.sqlite", doing, str(MEGABYTES)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
        beside[doing] = int(done.stdout)
    assert max(beside.values()) < MOST, beside
