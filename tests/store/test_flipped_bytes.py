"""Whatever byte of a store's file is another one, what is read is right, or a clear error."""

import os
import random
from datetime import UTC, datetime, timedelta

from ibm_circuit_job import Job, JobDetails, JobInputs, JobStore, JobStoreError, ResultPayload, refresh
from ibm_circuit_job.wire.replies import status_report

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
JOBS = [f"job-{number}" for number in range(3)]
FLIPS = 1000 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 30
"""How many bytes are flipped, one after the other."""


def filled(path):
    with JobStore(path) as store:
        for number, job_id in enumerate(JOBS):
            submitted = (JobInputs(NOON, b'{"a": %d}' % number), JobDetails(NOON, tags=["x"], backend="dev"))
            ended = (status_report("Completed", NOON + timedelta(hours=1)), ResultPayload(NOON, b'{"b": %d}' % number))
            store.save(refresh(Job(job_id), *submitted), service="https://a crn:1")
            store.save(refresh(Job(job_id), *ended))


def all_of(store):
    """What each call answers of each job; ``None`` where it raises a documented error."""
    answers = {}
    for job_id in JOBS:
        for call in (store.load, store.history, store.payload, store.inputs):
            try:
                answers[job_id, call.__name__] = repr(call(job_id))
            except JobStoreError:
                answers[job_id, call.__name__] = None
    return answers


def test_flipped_byte_is_never_believed(tmp_path):
    path, other = tmp_path / "jobs.sqlite", tmp_path / "other.sqlite"
    filled(path)
    with JobStore(path) as store:
        right = all_of(store)
    assert None not in right.values()
    whole, chance, noticed = path.read_bytes(), random.Random(17), 0
    for _ in range(FLIPS):
        flipped, place = bytearray(whole), chance.randrange(len(whole))
        flipped[place] ^= chance.randrange(1, 256)
        for beside in tmp_path.glob("other.sqlite*"):
            beside.unlink()
        other.write_bytes(flipped)
        try:
            with JobStore(other, create=False) as store:
                answers, is_sound = all_of(store), store.check().is_sound
        except JobStoreError:
            noticed += 1
            continue
        wrong = {asked for asked, answer in answers.items() if answer not in {None, right[asked]}}
        assert not wrong, f"byte {place}, which is {flipped[place]} instead of {whole[place]}"
        # What no call answers, check() says too.
        assert not is_sound or None not in answers.values(), place
        noticed += not is_sound
    assert noticed > FLIPS / 20
