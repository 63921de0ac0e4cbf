"""What tests of the store share."""

import pytest

from ibm_circuit_job import JobStore


@pytest.fixture(scope="session")
def parquet():
    """Return ``pyarrow.parquet``, which is slow to load."""
    return pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def path(tmp_path):
    """Where a store is, or will be."""
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def store(path):
    with JobStore(path) as store:
        yield store
