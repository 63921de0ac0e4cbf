"""Payloads in an object store that speaks the protocol of S3: moto's server, where it and s3fs are installed."""

import hashlib
from datetime import UTC, datetime

import pytest

from ibm_circuit_job import Job, JobStore, JobStoreDamagedError, JobStoreUnavailableError, ResultPayload

server = pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
BODY = b'{"results": []}'
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def bucket(monkeypatch, request):
    """The URL of an empty bucket, and a client of its server."""
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    # Moto has what all servers of a process were given.
    name = f"bucket{abs(hash(request.node.name))}"
    files.mkdir(name)
    yield f"s3://{name}", files
    running.stop()
    s3fs.S3FileSystem.clear_instance_cache()


def done(job_id):
    return Job(job_id, payload=ResultPayload(NOON, BODY))


def test_payloads_in_s3_are_those_of_the_store(bucket, tmp_path):
    place, files = bucket
    root = f"{place.removeprefix('s3://')}/payloads"
    with JobStore(tmp_path / "jobs.sqlite", payloads=f"{place}/payloads") as store:
        store.save_all([done("a"), done("b")])
    path = f"{root}/{SHA256[:2]}/{SHA256}.zst"
    assert sorted(files.find(root)) == [path, f"{root}/ABOUT.txt"]
    with JobStore(tmp_path / "jobs.sqlite") as store:
        assert store.payloads == f"{place}/payloads"
        assert store.load("b") == done("b")
        assert store.check().is_sound
        store.delete("a")
        assert store.load("b") == done("b")
        files.rm_file(path)
        with pytest.raises(JobStoreDamagedError, match=f"{SHA256}.zst in {place}/payloads"):
            store.load("b")
        store.save(done("b"))
        assert store.load("b") == done("b")
        store.delete("b")
    assert files.find(root, refresh=True) == [f"{root}/ABOUT.txt"]


def test_bucket_that_is_gone_loses_no_payload(bucket, tmp_path):
    place, files = bucket
    with pytest.raises(JobStoreUnavailableError, match="could not write payloads to s3://nosuch/payloads"):
        JobStore(tmp_path / "jobs.sqlite", payloads="s3://nosuch/payloads")
    with JobStore(tmp_path / "jobs.sqlite", payloads=place) as store:
        store.save(done("a"))
        files.rm(place, recursive=True)
        with pytest.raises(JobStoreUnavailableError, match=f"could not read a payload in {place}"):
            store.load("a")
