"""How long a private result can be lost: from its last byte, as the client has it, until the store has synced it."""

import statistics
import time

import pytest

from ibm_circuit_job import IBMCircuitJob, JobStore
from ibm_circuit_job.state.facts import ResultPayload
from ibm_circuit_job.testing import ScriptedClient

DONE = b'{"id":"a","backend":"b","private":true,"state":{"status":"Completed"},"created":"2024-02-03T12:00:00Z"}'
ROUNDS = 20


class Timed(ScriptedClient):
    """Says when it has returned the result."""

    returned = 0.0

    def job_results(self, job_id):
        body = super().job_results(job_id)
        self.returned = time.perf_counter()
        return body


class TimedStore(JobStore):
    """Says when it has written a result."""

    def __init__(self, file):
        super().__init__(file)
        self.written = []

    def save(self, job, **how):
        super().save(job, **how)
        if isinstance(job.payload, ResultPayload):
            self.written.append(time.perf_counter())


def body_of(shots):
    memory = ",".join(f'"0x{shot % 64:x}"' for shot in range(shots))
    data = f'{{"counts":{{"0x1":{shots}}},"memory":[{memory}]}}'
    results = f'[{{"shots":{shots},"success":true,"data":{data}}}]'
    return f'{{"backend_name":"b","backend_version":"1","job_id":"a","success":true,"results":{results}}}'.encode()


@pytest.mark.benchmark(group="store: a result that can be read once")
@pytest.mark.parametrize("shots", [100, 100_000])
def test_time_from_the_last_byte_to_the_sync(benchmark, report, tmp_path, shots):
    body, open_for = body_of(shots), []

    def read():
        client = Timed([DONE], results=[body])
        store.written.clear()
        store.delete("a")
        IBMCircuitJob(None, None, "a", runtime_client=client, store=store).result()
        open_for.append((store.written[0] - client.returned) * 1e3)

    with TimedStore(tmp_path / "jobs.sqlite") as store:
        benchmark.pedantic(read, rounds=ROUNDS, iterations=1)
    median, worst = statistics.median(open_for), max(open_for)
    what = f"a private result of {len(body):,} bytes can be lost for"
    report(what, median, "ms", note=f"the median; {worst:.1f} ms at worst")
