"""Waiting for jobs of the legacy dialect: its official client looks every three seconds unless told otherwise."""


def ended(job):
    """Return the job when it has ended."""
    job.wait_for_final_state(timeout=60, wait=0.05)
    return job
