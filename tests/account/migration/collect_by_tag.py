"""Find the jobs of a study that were run since yesterday, and add up their counts."""

from collections import Counter
from datetime import datetime, timedelta

from qiskit.providers.jobstatus import JobStatus
from qiskit_ibm_provider import IBMProvider

provider = IBMProvider()
yesterday = datetime.now() - timedelta(days=1)  # noqa: DTZ005 - as people wrote it
jobs = provider.jobs(limit=20, status="completed", job_tags=["migration-study"], start_datetime=yesterday)

total = Counter()
for job in jobs:
    if job.status() is not JobStatus.DONE:
        print("left out:", job.error_message())
        continue
    again = provider.retrieve_job(job.job_id())
    total.update(again.result().get_counts())
print(len(jobs), "jobs", dict(sorted(total.items())))
