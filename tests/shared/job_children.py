"""The processes below this one that execute jobs for an executor or a worker of Dask."""

import psutil


def job_children(*, recursive=False):
    """Return them as a list; other processes, such as the one of which services are forked, are left out."""
    return [each for each in psutil.Process().children(recursive=recursive) if _executes_jobs(each)]


def _executes_jobs(process):
    try:
        return "ibm_circuit_job.local.worker" in process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False
