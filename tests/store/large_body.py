"""Save a body that cannot be compressed, or load it, and print the megabytes of memory taken beside the body."""

import random
import sys
from datetime import UTC, datetime
from pathlib import Path

from ibm_circuit_job import Job, JobStore, ResultPayload

url, doing, size = sys.argv[1], sys.argv[2], int(sys.argv[3])


def figure(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1000


with JobStore(url, timeout=600) as store:
    store.save(Job("b"))
    body = b"".join(random.Random(part).randbytes(1_000_000) for part in range(size)) if doing == "save" else b""
    job = Job("a", payload=ResultPayload(datetime(2024, 2, 3, tzinfo=UTC), body))
    Path("/proc/self/clear_refs").write_text("5")
    before = figure("VmRSS")
    if doing == "save":
        store.save(job)
    else:
        body = store.load("a").payload.raw
    beside = figure("VmHWM") - before - (0 if doing == "save" else len(body) / 1e6)
    sys.stdout.write(f"{beside:.0f}\n")
