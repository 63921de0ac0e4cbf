"""job_monitor of hundreds of jobs: what it takes does not grow with the square of their number."""

import io
import sys

import msgspec

from ibm_circuit_job import IBMCircuitJob, job_monitor
from ibm_circuit_job.state import shown

JOBS = 200
STEPS = 4


class Listing:
    """A service that lists jobs, some more of which have ended each time."""

    def __init__(self):
        self.ended = 0

    def jobs_get(self, limit, skip, pending):
        if pending and skip == 0:
            self.ended += JOBS // STEPS
        names = range(self.ended, JOBS) if pending else range(self.ended)
        status = "Queued" if pending else "Completed"
        page = [{"id": f"job-{number}", "state": {"status": status}} for number in names[skip : skip + limit]]
        return msgspec.json.encode({"jobs": page, "count": len(names)})


def test_a_job_is_looked_at_again_only_when_it_has_changed():
    service, output, made = Listing(), io.StringIO(), []
    jobs = [IBMCircuitJob(None, None, f"job-{number}", runtime_client=service) for number in range(JOBS)]

    def count(frame, event, _):
        if event == "call" and frame.f_code is shown.job_view.__code__:
            made.append(frame)

    sys.setprofile(count)
    try:
        job_monitor(jobs, interval=0.001, output=output)
    finally:
        sys.setprofile(None)
    written = output.getvalue().splitlines()
    assert sum("DONE" in line for line in written) == JOBS
    # Before the first reply, after each change, and at the end.
    assert len(made) <= 3 * JOBS
