"""What a process of a pool does with the provider that it inherited, or makes for itself."""

import warnings

from known_circuits import flipped

from ibm_circuit_job import IBMProvider

WIDTH, SHOTS = 6, 10

_backend = None


def connect(given, named):
    """Log in; a fork that inherits the backend need not."""
    global _backend  # noqa: PLW0603 - what a process inherits is its module's
    if _backend is None:
        _backend = IBMProvider(*given, **named).get_backend("local_simulator")


def submit_wait_and_read(number):
    """Run the circuit of a number, and return the number, what it gave, and whether every call named its job."""
    warnings.simplefilter("ignore")  # certificates are not checked here
    job = _backend.run(flipped(WIDTH, number), shots=SHOTS, job_tags=[f"number {number}"])
    job.wait_for_final_state(60)
    again = _backend.provider.retrieve_job(job.job_id())
    return number, job.result(60).get_counts(), again.result(60).get_counts(), again.tags()


def expected(number):
    """Return what the circuit of a number gives."""
    counts = {format(number, f"0{WIDTH}b"): SHOTS}
    return number, counts, counts, [f"number {number}"]


def read(job_and_number):
    """Read the result of a job that another process submitted."""
    job, number = job_and_number
    if job.client is None:
        _backend.provider.attach(job)
    return number, job.result(60).get_counts()
