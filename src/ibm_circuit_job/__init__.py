"""Hold on to jobs on IBM Quantum: the classic ``IBMCircuitJob`` on a functional, immutable core."""

from typing import TYPE_CHECKING, Any

from ibm_circuit_job.backend import IBMBackend, IBMRetiredBackend
from ibm_circuit_job.circuit_job import IBMCircuitJob
from ibm_circuit_job.errors import (
    BackendPropertyError,
    IBMAccountError,
    IBMBackendApiError,
    IBMBackendError,
    IBMBackendValueError,
    IBMError,
    IBMJobApiError,
    IBMJobError,
    IBMJobFailureError,
    IBMJobInvalidStateError,
    IBMJobNotFoundError,
    IBMJobTimeoutError,
    JobStoreDamagedError,
    JobStoreError,
    JobStoreUnavailableError,
)
from ibm_circuit_job.provider import IBMProvider
from ibm_circuit_job.state.backend_configuration import BackendConfiguration, BackendStatus
from ibm_circuit_job.state.backend_properties import BackendProperties
from ibm_circuit_job.state.facts import JobDetails, JobInputs, JobMetrics, JobName, JobTags, ResultPayload, StatusReport
from ibm_circuit_job.state.instance_usage import InstanceUsage
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.queue_info import QueueInfo
from ibm_circuit_job.state.results.executor import ExecutorItem, ExecutorResult
from ibm_circuit_job.state.results.noise_learner import LearnedNoise, NoiseLearnerResult
from ibm_circuit_job.state.submitting import SubmissionPolicy
from ibm_circuit_job.state.transitions import (
    apply_status,
    attach_inputs,
    cache_result,
    mark_cancelled,
    merge,
    merge_all,
    refresh,
    rename,
    retag,
)
from ibm_circuit_job.state.waiting import WaitPolicy
from ibm_circuit_job.watch import as_completed, refresh_all, wait_all

if TYPE_CHECKING:
    from ibm_circuit_job.store import JobStore as JobStore

__version__ = "0.1.0"

__all__ = [
    "BackendConfiguration",
    "BackendProperties",
    "BackendPropertyError",
    "BackendStatus",
    "ExecutorItem",
    "ExecutorResult",
    "IBMAccountError",
    "IBMBackend",
    "IBMBackendApiError",
    "IBMBackendError",
    "IBMBackendValueError",
    "IBMCircuitJob",
    "IBMError",
    "IBMJobApiError",
    "IBMJobError",
    "IBMJobFailureError",
    "IBMJobInvalidStateError",
    "IBMJobNotFoundError",
    "IBMJobTimeoutError",
    "IBMProvider",
    "IBMRetiredBackend",
    "InstanceUsage",
    "Job",
    "JobDetails",
    "JobInputs",
    "JobMetrics",
    "JobName",
    "JobStoreDamagedError",
    "JobStoreError",
    "JobStoreUnavailableError",
    "JobTags",
    "LearnedNoise",
    "NoiseLearnerResult",
    "QueueInfo",
    "ResultPayload",
    "StatusReport",
    "SubmissionPolicy",
    "WaitPolicy",
    "apply_status",
    "as_completed",
    "attach_inputs",
    "cache_result",
    "mark_cancelled",
    "merge",
    "merge_all",
    "refresh",
    "refresh_all",
    "rename",
    "retag",
    "wait_all",
]


def __getattr__(name: str) -> Any:
    # For those who use it: a database costs more to import than all else here.
    if name == "JobStore":
        try:
            from ibm_circuit_job.store import JobStore  # noqa: PLC0415
        except ImportError as missing:
            raise ImportError(f"JobStore needs {missing.name}: install ibm-circuit-job[store]") from None
        return JobStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
