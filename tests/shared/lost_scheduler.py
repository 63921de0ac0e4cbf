"""A program: jobs on a Dask cluster whose scheduler is lost while one runs, and starts anew at the same address.

It prints, as JSON, which worker executed the running job again, and the reason of the outcome of a job after it.
"""

import asyncio
import json
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

import known_circuits
from attrs import evolve
from distributed import LocalCluster

from ibm_circuit_job.local.dask_cluster import DaskExecutor
from ibm_circuit_job.local.execution import Task
from ibm_circuit_job.wire import typed_json

CLUSTER = {"processes": False, "protocol": "tcp", "n_workers": 1, "threads_per_worker": 2, "dashboard_address": ":0"}


async def outcomes():
    short = Task("a", "local_simulator", "circuit-runner", b"{}", datetime(2024, 2, 3, tzinfo=UTC))
    long = evolve(short, params=typed_json.encode({"circuits": [known_circuits.endless()], "shots": 1}))
    names = asyncio.Queue()
    with LocalCluster(**CLUSTER) as first:
        port = urlsplit(first.scheduler_address).port
        executor = DaskExecutor(first.scheduler_address, None, 300.0)
        await asyncio.to_thread(executor.start)
        waiting = asyncio.create_task(executor.execute(long, names.put_nowait))
        await names.get()
        await asyncio.to_thread(first.close)
    with await asyncio.to_thread(partial(LocalCluster, scheduler_port=port, **CLUSTER)):
        again = await names.get()
        outcome = await executor.execute(short, names.put_nowait)
        waiting.cancel()
        await asyncio.wait([waiting])
        await executor.stop()
    return again, outcome.reason


if __name__ == "__main__":
    print(json.dumps(asyncio.run(outcomes())))
