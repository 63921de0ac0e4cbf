"""Wait for all jobs of a service beside other processes that share a store: run as a program, prints JSON at its end.

Its input says where the service and the store are, since the URL of a store may hold a password; and then, with one
more line, when to begin.
"""

import json
import sys
import time

from ibm_circuit_job import IBMProvider, JobStore, as_completed


class TimedStore(JobStore):
    """A store that notes when the end of each job was written."""

    wrote: dict[str, float]

    def save(self, job, **options):
        super().save(job, **options)
        if job.is_final:
            self.wrote.setdefault(job.job_id, time.time())


def main():
    settings = json.loads(sys.stdin.readline())
    store = TimedStore(settings["store"], share_waits=settings["shares"])
    store.wrote = {}
    provider = IBMProvider(
        token="any", url=settings["url"], instance="ibm-q/open/main", channel="ibm_quantum", store=store
    )
    print("ready", flush=True)
    sys.stdin.readline()
    # The stub's jobs begin with the first listing.
    jobs = provider.jobs(limit=None)
    began, spent = time.time(), time.process_time()
    told = {job.job_id(): time.time() for job in as_completed(jobs, timeout=300)}
    returned, spent = time.time(), time.process_time() - spent
    print(json.dumps({"told": told, "wrote": store.wrote, "began": began, "returned": returned, "cpu": spent}))
    store.close()


if __name__ == "__main__":
    main()
