"""What happens to a machine: to the files of a store, a database, worker processes, the program itself.

Each fault is a row of the table, and only our client's, for the official ones have neither. To add one, write a
function that yields what came of each attempt, and add it to :data:`FAULTS`. ``python machine_faults.py NAME NUMBER``
runs one, and prints its outcomes as JSON.
"""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from qiskit import QuantumCircuit

from ibm_circuit_job import IBMProvider, Job, JobDetails, JobInputs, JobStore, JobStoreError, ResultPayload, refresh
from ibm_circuit_job.local import LocalService
from ibm_circuit_job.wire.replies import status_report

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
FLIPS = 100
KILLS = 4
SLEEPER = "500e-6"
"""Seconds that a device takes for one shot."""


def judged(call, expected):
    """What came of a call: what was expected, something else, or an error of the store."""
    try:
        value = call()
    except JobStoreError:
        return "clear error"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
        print(f"{type(error).__module__}.{type(error).__name__}: {error}", file=sys.stderr)
        return f"raw error {type(error).__name__}"
    return "right" if value == expected else "wrong"


def worst(outcomes):
    """The outcome of several calls: that of the worst."""
    order = ("right", "clear error")
    return max(outcomes, key=lambda outcome: order.index(outcome) if outcome in order else len(order))


def circuit():
    """Always measures 01."""
    made = QuantumCircuit(2)
    made.x(0)
    made.measure_all()
    return made


# Stores


def bytes_flipped(chance, folder):
    """One byte of the file of a store is another one; then all of it is read."""
    made, spoilt = folder / "made.sqlite", folder / "spoilt.sqlite"
    report = status_report("Completed", NOON)
    with JobStore(made) as store:
        for name in ("a", "b", "c"):
            facts = (JobDetails(NOON, tags=[name], backend="dev"), report, JobInputs(NOON, b"{}"))
            body = b'{"of": "%s", "noise": "%s"}' % (name.encode(), chance.randbytes(2000).hex().encode())
            store.save(refresh(Job(name, payload=ResultPayload(NOON, body)), *facts))
    reads = [(read, name) for name in ("a", "b", "c") for read in ("load", "history", "payload")]
    with JobStore(made) as store:
        right = {(read, name): getattr(store, read)(name) for read, name in reads}
    whole = made.read_bytes()
    for _ in range(FLIPS):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= chance.randrange(1, 256)
        for old in folder.glob("spoilt.sqlite*"):
            old.unlink()
        spoilt.write_bytes(damaged)
        try:
            with JobStore(spoilt) as store:
                yield worst([judged(lambda: getattr(store, read)(name), right[read, name]) for read, name in reads])  # noqa: B023 - called at once
        except JobStoreError:
            yield "clear error"


def file_removed(chance, folder, *, is_replaced=False):
    """The file of a store goes, between the end of a private job and the reading of its result."""
    with LocalService(workers=1) as service:
        for number in range(KILLS):
            path = folder / f"{number}.sqlite"
            store = JobStore(path)
            with IBMProvider(service.token, service.url, store=store) as provider:
                job = provider.get_backend("local_simulator").run(circuit(), shots=10, private=True)
                job.wait_for_final_state()
                if is_late := chance.random() < 0.5:
                    job.result()
                for old in folder.glob(f"{number}.sqlite*"):
                    old.unlink()
                if is_replaced:
                    JobStore(path).close()
                here = judged(lambda: job.result().get_counts(), {"01": 10})  # noqa: B023 - called at once
                store.close()
                again = judged(lambda: job.result().get_counts(), {"01": 10})  # noqa: B023 - as above
                job.status()
            store.close()

            is_written = _has_result(path, job.job_id())
            print(number, is_late, here, again, is_written, file=sys.stderr)
            yield worst([here, again, "right" if is_written else "lost"])


def _has_result(path, job_id):
    """Whether the result of a job is in the store that is now at the path."""
    try:
        with JobStore(path, create=False) as store:
            return store.payload(job_id) is not None
    except JobStoreError:
        return False


def file_replaced(chance, folder):
    """The same, and there is another store in its place."""
    yield from file_removed(chance, folder, is_replaced=True)


def database_silent(chance, folder):
    """A database stops answering, and does not close its connections; later it answers again."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "shared"))
    import sqlalchemy as sql  # noqa: PLC0415 - for this fault alone
    from postgresql import find_programs, served  # noqa: PLC0415 - as above
    from swallowing_proxy import SwallowingProxy  # noqa: PLC0415 - as above

    del folder
    programs = find_programs()
    if programs is None:
        yield "not tried: PostgreSQL is not installed"
        return
    job = refresh(Job("a", payload=ResultPayload(NOON, b"{}")), status_report("Completed", NOON))
    with served(programs) as url:
        proxy = SwallowingProxy(sql.make_url(url).port)
        with (
            contextlib.closing(proxy),
            JobStore(
                sql.make_url(url).set(port=proxy.port).render_as_string(hide_password=False), timeout=2.0
            ) as store,
        ):
            store.save(job)
            calls = {
                "load": (lambda: store.load("a"), job),
                "history": (lambda: len(store.history("a")), len(store.history("a"))),
                "save": (lambda: store.save(job), None),
            }
            for name, (call, expected) in calls.items():
                time.sleep(chance.random() / 10)
                proxy.swallows = True
                began = time.monotonic()
                outcome = judged(call, expected)
                proxy.swallows = False
                is_late = time.monotonic() - began > 5
                print(name, outcome, is_late, file=sys.stderr)
                yield "late" if is_late else worst([outcome, judged(lambda: store.load("a"), job)])


# Processes


def worker_killed(chance, folder):
    """A worker of the local service dies, idle or with a job."""
    del folder
    with LocalService(workers=2) as service:
        backend = IBMProvider(service.token, service.url, store=None).get_backend("local_simulator")
        backend.run(circuit(), shots=10).result()
        for number in range(KILLS):
            jobs = [backend.run(circuit(), shots=10) for _ in range(3)] if number % 2 else []
            time.sleep(chance.random() / 10)
            # The workers are children of the process that starts them.
            for starter in psutil.Process(service.pid).children():
                with contextlib.suppress(psutil.Error):
                    for worker in starter.children():
                        worker.kill()
            jobs += [backend.run(circuit(), shots=10) for _ in range(2)]
            yield worst([judged(lambda: job.result(timeout=60).get_counts(), {"01": 10}) for job in jobs])  # noqa: B023 - called at once


IN_FLIGHT = "in flight"
"""All but the submission whose answer had not come: that job is on the service, and this store does not know of it."""
PROGRAM = f"""
import sys
from ibm_circuit_job import IBMProvider, JobStore
from qiskit import QuantumCircuit
token, url, path = sys.argv[1:]
circuit = QuantumCircuit(2)
circuit.x(0)
circuit.measure_all()
provider = IBMProvider(token, url, store=JobStore(path))
backend = provider.get_backend("local_5q")
print("ready", flush=True)
while True:
    jobs = [backend.run(circuit, shots=200, rep_delay={SLEEPER}) for _ in range(2)]
    [job.result() for job in jobs]
"""


def program_killed(chance, folder):
    """A program is killed while it submits, waits and reads; then another one has all of its jobs and results."""
    with LocalService(workers=2) as service:
        for number in range(KILLS):
            path = folder / f"{number}.sqlite"
            command = [sys.executable, "-c", PROGRAM, service.token, service.url, str(path)]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
                program.stdout.readline()
                time.sleep(2 * chance.random())
                program.kill()
            left = _left_behind(service, path, number)
            yield left if left in {"right", IN_FLIGHT} else "wrong"


def _left_behind(service, path, number):
    """Whether all jobs on the service are in the store, with the right result, and which are not."""
    with JobStore(path) as store, IBMProvider(service.token, service.url, store=store) as provider:
        for job in provider.resume():
            job.wait_for_final_state(timeout=60)
        known = {job.job_id(): job for job in provider.resume()} | {job.job_id(): job for job in store.jobs()}
        wrong = []
        for job_id in known:
            counts = provider.retrieve_job(job_id).result(timeout=60).get_counts()
            if max(counts, key=counts.get) != "01":
                wrong.append(job_id)
        seen = path.with_name("seen.json")
        earlier = json.loads(seen.read_text()) if seen.exists() else []
        there = [job.job_id() for job in provider.jobs(limit=None)]
        seen.write_text(json.dumps(there))
        print(number, len(there), "jobs", file=sys.stderr)
        missing = set(there) - set(earlier) - set(known)
        # The newest comes first.
        if not wrong and missing == set(there[:1]):
            return IN_FLIGHT
        return "right" if not wrong and not missing else f"{wrong}, {missing}"


@dataclass(frozen=True)
class MachineFault:
    """One thing that goes wrong."""

    row: str
    """Its row of the table."""
    happens: Callable
    """Does it, with a source of chance and in a folder, and yields what came of each attempt."""
    runs: int = 3
    """In how many processes."""
    may: frozenset[str] = frozenset({"right"})
    """What may come of it."""

    @property
    def __name__(self):
        return self.happens.__name__


SAID = frozenset({"right", "clear error"})
FAULTS = (
    MachineFault("one byte of the file of a store is another one", bytes_flipped, runs=10, may=SAID),
    MachineFault("the file of a store is removed while it is open", file_removed),
    MachineFault("the file of a store is replaced while it is open", file_replaced),
    MachineFault("a database that falls silent", database_silent, may=SAID),
    MachineFault("a worker of the local service is killed, idle or busy", worker_killed, runs=2),
    MachineFault(
        "a program is killed, and another one goes on", program_killed, runs=5, may=frozenset({"right", IN_FLIGHT})
    ),
)


def main():
    name, number = sys.argv[1:]
    happens = next(fault.happens for fault in FAULTS if fault.happens.__name__ == name)
    folder = Path(tempfile.mkdtemp(prefix="trouble-"))
    outcomes, began = [], time.monotonic()
    try:
        for outcome in happens(random.Random(int(number)), folder):
            outcomes.append({"outcome": outcome, "seconds": time.monotonic() - began})
            began = time.monotonic()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(outcomes), flush=True)
    # Threads that a fault has left behind are not waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
