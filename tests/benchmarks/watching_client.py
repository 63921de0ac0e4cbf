"""Watch all jobs of a service in one process: run as a program with the URL, prints JSON of what that took."""

import json
import re
import resource
import sys
import threading
import time
from pathlib import Path

from ibm_circuit_job import IBMProvider, as_completed


def most_memory():
    """The most bytes that this process has held so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # Of the program alone: what Linux gives below begins with what the process held that started it.
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1]) * 1024
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else held * 1024


def main():
    provider = IBMProvider(token="any", url=sys.argv[1], instance="ibm-q/open/main", channel="ibm_quantum")
    start = most_memory()
    jobs = provider.jobs(limit=None)
    handles = most_memory()
    threads, over = [], threading.Event()

    def count_threads():
        while not over.wait(0.05):
            threads.append(threading.active_count() - 1)

    counter = threading.Thread(target=count_threads)
    counter.start()
    began, spent = time.time(), time.process_time()
    told = [(job.job_id(), job.status().name, time.time()) for job in as_completed(jobs, timeout=300)]
    returned, spent = time.time(), time.process_time() - spent
    over.set()
    counter.join()
    figures = {
        "told": told,
        "began": began,
        "returned": returned,
        "cpu": spent,
        "threads": max(threads),
        "handles": handles - start,
        "watching": most_memory() - handles,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
