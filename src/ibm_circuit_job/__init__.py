"""A client for jobs on IBM Quantum: the classic ``IBMCircuitJob`` on a functional, immutable core."""

from typing import TYPE_CHECKING, Final

from ibm_circuit_job.lazy_names import lazy_names

if TYPE_CHECKING:
    from ibm_circuit_job.account.backend import IBMBackend as IBMBackend
    from ibm_circuit_job.account.backend_service import IBMBackendService as IBMBackendService
    from ibm_circuit_job.account.job_store import JobStore as JobStore
    from ibm_circuit_job.account.least_busy import least_busy as least_busy
    from ibm_circuit_job.account.provider import IBMProvider as IBMProvider
    from ibm_circuit_job.account.retired_backend import IBMRetiredBackend as IBMRetiredBackend
    from ibm_circuit_job.account.sessions import Batch as Batch
    from ibm_circuit_job.account.sessions import Session as Session
    from ibm_circuit_job.devices.configuration import BackendConfiguration as BackendConfiguration
    from ibm_circuit_job.devices.configuration import BackendStatus as BackendStatus
    from ibm_circuit_job.devices.properties import BackendProperties as BackendProperties
    from ibm_circuit_job.devices.usage_estimate import UsageEstimate as UsageEstimate
    from ibm_circuit_job.errors import AccountAlreadyExistsError as AccountAlreadyExistsError
    from ibm_circuit_job.errors import AccountNotFoundError as AccountNotFoundError
    from ibm_circuit_job.errors import AccountsError as AccountsError
    from ibm_circuit_job.errors import BackendPropertyError as BackendPropertyError
    from ibm_circuit_job.errors import IBMAccountError as IBMAccountError
    from ibm_circuit_job.errors import IBMApiError as IBMApiError
    from ibm_circuit_job.errors import IBMBackendApiError as IBMBackendApiError
    from ibm_circuit_job.errors import IBMBackendApiProtocolError as IBMBackendApiProtocolError
    from ibm_circuit_job.errors import IBMBackendError as IBMBackendError
    from ibm_circuit_job.errors import IBMBackendJobLimitError as IBMBackendJobLimitError
    from ibm_circuit_job.errors import IBMBackendValueError as IBMBackendValueError
    from ibm_circuit_job.errors import IBMError as IBMError
    from ibm_circuit_job.errors import IBMInputValueError as IBMInputValueError
    from ibm_circuit_job.errors import IBMJobApiError as IBMJobApiError
    from ibm_circuit_job.errors import IBMJobError as IBMJobError
    from ibm_circuit_job.errors import IBMJobFailureError as IBMJobFailureError
    from ibm_circuit_job.errors import IBMJobInvalidStateError as IBMJobInvalidStateError
    from ibm_circuit_job.errors import IBMJobListingError as IBMJobListingError
    from ibm_circuit_job.errors import IBMJobNotFoundError as IBMJobNotFoundError
    from ibm_circuit_job.errors import IBMJobTimeoutError as IBMJobTimeoutError
    from ibm_circuit_job.errors import IBMNotAuthorizedError as IBMNotAuthorizedError
    from ibm_circuit_job.errors import IBMProviderError as IBMProviderError
    from ibm_circuit_job.errors import IBMProviderValueError as IBMProviderValueError
    from ibm_circuit_job.errors import IBMUsageLimitError as IBMUsageLimitError
    from ibm_circuit_job.errors import InvalidAccountError as InvalidAccountError
    from ibm_circuit_job.errors import JobStoreDamagedError as JobStoreDamagedError
    from ibm_circuit_job.errors import JobStoreError as JobStoreError
    from ibm_circuit_job.errors import JobStoreUnavailableError as JobStoreUnavailableError
    from ibm_circuit_job.job.circuit_job import IBMCircuitJob as IBMCircuitJob
    from ibm_circuit_job.job.composite_job import IBMCompositeJob as IBMCompositeJob
    from ibm_circuit_job.job.ibm_job import IBMJob as IBMJob
    from ibm_circuit_job.job.monitor import job_monitor as job_monitor
    from ibm_circuit_job.job.monitor import wait_all as wait_all
    from ibm_circuit_job.job.plots import plot_timeline as plot_timeline
    from ibm_circuit_job.job.plots import plot_usage as plot_usage
    from ibm_circuit_job.job.watch import as_completed as as_completed
    from ibm_circuit_job.job.watch import refresh_all as refresh_all
    from ibm_circuit_job.state.facts import JobDetails as JobDetails
    from ibm_circuit_job.state.facts import JobInputs as JobInputs
    from ibm_circuit_job.state.facts import JobMetrics as JobMetrics
    from ibm_circuit_job.state.facts import JobName as JobName
    from ibm_circuit_job.state.facts import JobTags as JobTags
    from ibm_circuit_job.state.facts import ResultPayload as ResultPayload
    from ibm_circuit_job.state.facts import StatusReport as StatusReport
    from ibm_circuit_job.state.job import Job as Job
    from ibm_circuit_job.state.queue_info import QueueInfo as QueueInfo
    from ibm_circuit_job.state.transitions import apply_status as apply_status
    from ibm_circuit_job.state.transitions import attach_inputs as attach_inputs
    from ibm_circuit_job.state.transitions import cache_result as cache_result
    from ibm_circuit_job.state.transitions import mark_cancelled as mark_cancelled
    from ibm_circuit_job.state.transitions import merge as merge
    from ibm_circuit_job.state.transitions import merge_all as merge_all
    from ibm_circuit_job.state.transitions import refresh as refresh
    from ibm_circuit_job.state.transitions import rename as rename
    from ibm_circuit_job.state.transitions import retag as retag
    from ibm_circuit_job.state.waiting import WaitPolicy as WaitPolicy
    from ibm_circuit_job.wire.instance_usage import InstanceUsage as InstanceUsage
    from ibm_circuit_job.wire.results.columns import counts_table as counts_table
    from ibm_circuit_job.wire.results.columns import memory_array as memory_array
    from ibm_circuit_job.wire.results.executor import ExecutorItem as ExecutorItem
    from ibm_circuit_job.wire.results.executor import ExecutorResult as ExecutorResult
    from ibm_circuit_job.wire.results.noise_learner import LearnedNoise as LearnedNoise
    from ibm_circuit_job.wire.results.noise_learner import NoiseLearnerResult as NoiseLearnerResult
    from ibm_circuit_job.wire.submitting import SubmissionPolicy as SubmissionPolicy

__version__ = "0.1.0"

__all__ = [
    "AccountAlreadyExistsError",
    "AccountNotFoundError",
    "AccountsError",
    "BackendConfiguration",
    "BackendProperties",
    "BackendPropertyError",
    "BackendStatus",
    "Batch",
    "ExecutorItem",
    "ExecutorResult",
    "IBMAccountError",
    "IBMApiError",
    "IBMBackend",
    "IBMBackendApiError",
    "IBMBackendApiProtocolError",
    "IBMBackendError",
    "IBMBackendJobLimitError",
    "IBMBackendService",
    "IBMBackendValueError",
    "IBMCircuitJob",
    "IBMCompositeJob",
    "IBMError",
    "IBMInputValueError",
    "IBMJob",
    "IBMJobApiError",
    "IBMJobError",
    "IBMJobFailureError",
    "IBMJobInvalidStateError",
    "IBMJobListingError",
    "IBMJobNotFoundError",
    "IBMJobTimeoutError",
    "IBMNotAuthorizedError",
    "IBMProvider",
    "IBMProviderError",
    "IBMProviderValueError",
    "IBMRetiredBackend",
    "IBMUsageLimitError",
    "InstanceUsage",
    "InvalidAccountError",
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
    "Session",
    "StatusReport",
    "SubmissionPolicy",
    "UsageEstimate",
    "WaitPolicy",
    "apply_status",
    "as_completed",
    "attach_inputs",
    "cache_result",
    "counts_table",
    "job_monitor",
    "least_busy",
    "mark_cancelled",
    "memory_array",
    "merge",
    "merge_all",
    "refresh",
    "refresh_all",
    "rename",
    "retag",
    "wait_all",
]


_NAMES_OF: Final = {
    "account.backend_service": ("IBMBackendService",),
    "account.least_busy": ("least_busy",),
    "job.composite_job": ("IBMCompositeJob",),
    "job.ibm_job": ("IBMJob",),
    "account.backend": ("IBMBackend",),
    "account.retired_backend": ("IBMRetiredBackend",),
    "job.circuit_job": ("IBMCircuitJob",),
    "errors": (
        "IBMApiError",
        "IBMBackendApiProtocolError",
        "IBMBackendJobLimitError",
        "IBMInputValueError",
        "IBMJobListingError",
        "IBMNotAuthorizedError",
        "IBMProviderError",
        "IBMProviderValueError",
        "AccountsError",
        "AccountAlreadyExistsError",
        "AccountNotFoundError",
        "InvalidAccountError",
        "BackendPropertyError",
        "IBMAccountError",
        "IBMBackendApiError",
        "IBMBackendError",
        "IBMBackendValueError",
        "IBMError",
        "IBMJobApiError",
        "IBMJobError",
        "IBMJobFailureError",
        "IBMJobInvalidStateError",
        "IBMJobNotFoundError",
        "IBMJobTimeoutError",
        "IBMUsageLimitError",
        "JobStoreDamagedError",
        "JobStoreError",
        "JobStoreUnavailableError",
    ),
    "account.provider": ("IBMProvider",),
    "account.sessions": ("Batch", "Session"),
    "devices.configuration": ("BackendConfiguration", "BackendStatus"),
    "devices.properties": ("BackendProperties",),
    "devices.usage_estimate": ("UsageEstimate",),
    "state.facts": ("JobDetails", "JobInputs", "JobMetrics", "JobName", "JobTags", "ResultPayload", "StatusReport"),
    "wire.instance_usage": ("InstanceUsage",),
    "state.job": ("Job",),
    "state.queue_info": ("QueueInfo",),
    "wire.results.columns": ("counts_table", "memory_array"),
    "wire.results.executor": ("ExecutorItem", "ExecutorResult"),
    "wire.results.noise_learner": ("LearnedNoise", "NoiseLearnerResult"),
    "wire.submitting": ("SubmissionPolicy",),
    "state.transitions": (
        "apply_status",
        "attach_inputs",
        "cache_result",
        "mark_cancelled",
        "merge",
        "merge_all",
        "refresh",
        "rename",
        "retag",
    ),
    "state.waiting": ("WaitPolicy",),
    "job.monitor": ("job_monitor", "wait_all"),
    "job.watch": ("as_completed", "refresh_all"),
    "account.job_store": ("JobStore",),
    "job.plots": ("plot_timeline", "plot_usage"),
}
"""Module -> its public names. A module is imported when one of its names is first used."""

_MODULE_OF: Final = {name: module for module, names in _NAMES_OF.items() for name in names}

_EXTRA_OF: Final = {"JobStore": "store", "plot_timeline": "plot", "plot_usage": "plot"}
"""Public name -> the extra that it needs. These names are not in ``__all__``."""

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, module_of=_MODULE_OF, extra_of=_EXTRA_OF)
