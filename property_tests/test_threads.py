"""Any member of a job from any thread at any time, against the service of this machine: real HTTP, real queues."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from qiskit import QuantumCircuit
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job import IBMJobFailureError, IBMJobInvalidStateError, IBMProvider, WaitPolicy
from ibm_circuit_job.clients import RuntimeClient
from ibm_circuit_job.state.status import FINAL_RANK

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
SHOTS = 40

DONE, ERROR, CANCELLED = JobStatus.DONE, JobStatus.ERROR, JobStatus.CANCELLED

MEMBERS: dict[str, Callable] = {
    "status": lambda job: job.status(),
    "done": lambda job: job.done(),
    "in_final_state": lambda job: job.in_final_state(),
    "refresh": lambda job: job.refresh(),
    "result": lambda job: job.result(timeout=60),
    "wait_for_final_state": lambda job: job.wait_for_final_state(timeout=60),
    "error_message": lambda job: job.error_message(),
    "creation_date": lambda job: job.creation_date(),
    "time_per_step": lambda job: job.time_per_step(),
    "tags": lambda job: job.tags(),
    "update_tags": lambda job: job.update_tags(["other"]),
    "update_name": lambda job: job.update_name("name"),
    "name": lambda job: job.name(),
    "queue_info": lambda job: job.queue_info(),
    "queue_position": lambda job: job.queue_position(refresh=True),
    "properties": lambda job: job.properties(),
    "circuits": lambda job: job.circuits(),
    "header": lambda job: job.header(),
    "backend_options": lambda job: job.backend_options(),
    "usage": lambda job: job.usage(),
    "metrics": lambda job: job.metrics(),
    "logs": lambda job: job.logs(),
    "client_version": lambda job: job.client_version,
    "usage_estimation": lambda job: job.usage_estimation,
    "scheduling_mode": lambda job: job.scheduling_mode(),
    "dir": dir,
    "repr": repr,
}


@cache
def service():
    """The service, started when it is first needed."""
    return IBMProvider.local()


@pytest.fixture(scope="module", autouse=True)
def _close_service():
    yield
    if service.cache_info().currsize:
        service().close()
        service.cache_clear()


def circuit(name):
    made = QuantumCircuit(1, 1, name=name)
    made.x(0)
    if name == "impossible":
        # The device has no variables; nothing but the service says so.
        made.add_var("flag", False)
    made.measure(0, 0)
    return made


class Counting(RuntimeClient):
    """Our client, which counts how often a result was read."""

    downloads = 0
    _count = threading.Lock()

    def job_results(self, job_id):
        with self._count:
            self.downloads += 1
        return super().job_results(job_id)


class AnyMemberFromAnyThread(RuleBasedStateMachine):
    """One job, and several threads that do with it what they like."""

    threads = st.lists(st.sampled_from(sorted(MEMBERS)), min_size=2, max_size=5)

    def __init__(self):
        super().__init__()
        self.pool = ThreadPoolExecutor(6)
        self.running = []
        self.seen = []

    @initialize(kind=st.sampled_from(["possible", "impossible"]), busy=st.booleans())
    def submit(self, kind, busy):
        provider = service()
        device = provider.get_backend("local_5q")
        if busy:
            # So that the job waits for a moment.
            device.run(circuit("possible"), shots=SHOTS)
        self.kind = kind
        self.job = device.run(circuit(kind), shots=SHOTS, header={"note": "x"})
        self.client = Counting(provider.runtime_client.params, account=provider.account_client)
        self.job.connect(backend=device, api_client=provider.account_client, runtime_client=self.client)
        self.job.wait_policy = WaitPolicy(shortest_pause=0.02, longest_pause=0.1)
        self.cancelling = False

    @rule(members=threads)
    def threads_ask(self, members):
        self.running += [self.pool.submit(self.ask, member) for member in members]

    @rule()
    def threads_want_the_result(self):
        self.running += [self.pool.submit(self.ask, "result") for _ in range(4)]

    @rule()
    def thread_cancels(self):
        self.cancelling = True
        self.running.append(self.pool.submit(self.cancel))

    @precondition(lambda self: self.running)
    @rule()
    def threads_finish(self):
        wait(self.running)
        for done in self.running:
            done.result()
        self.running.clear()

    def ask(self, member):
        """Nothing but what is documented is raised, and only where it is due."""
        try:
            answer = MEMBERS[member](self.job)
        except IBMJobFailureError as error:
            assert (member, self.kind) == ("result", "impossible")
            assert "'flag'" in str(error)  # noqa: PT017 - which error it is decides what it says
        except IBMJobInvalidStateError:
            assert member == "result"
            assert self.cancelling
        else:
            self.check(member, answer)

    def check(self, member, answer):
        match member:
            case "status":
                self.seen.append(answer)
            case "result":
                assert self.kind == "possible"
                assert sum(answer.get_counts().values()) == SHOTS
            case "header":
                assert answer == {"note": "x"}
            case "circuits":
                assert [each.name for each in answer] == [self.kind]
            case "error_message":
                assert answer is None or self.kind == "impossible"

    def cancel(self):
        try:
            assert self.job.cancel()
        except IBMJobInvalidStateError:
            assert self.job.in_final_state()

    @invariant()
    def final_status_stays(self):
        report = getattr(getattr(self, "job", None), "state", None) and self.job.state.status
        if report is not None and report.is_final and not report.assumed:
            last = getattr(self, "last", report.status)
            assert report.status is last
            self.last = report.status

    @invariant()
    def result_is_read_once_at_most(self):
        assert not hasattr(self, "client") or self.client.downloads <= 1

    def teardown(self):
        try:
            if hasattr(self, "job"):
                self.threads_finish()
                self.job.wait_for_final_state(timeout=60)
                ended = self.job.status()
                assert ended in FINAL_RANK
                assert self.job.status() is ended
                assert ended is not (DONE if self.kind == "impossible" else ERROR)
                assert ended is not CANCELLED or self.cancelling
                # What one thread saw after the other may be older, but never final and another.
                assert {status for status in self.seen if status in FINAL_RANK} <= {ended, CANCELLED}
        finally:
            self.pool.shutdown()


TestAnyMemberFromAnyThread = AnyMemberFromAnyThread.TestCase
TestAnyMemberFromAnyThread.settings = settings(
    max_examples=200 if THOROUGH else 6,
    stateful_step_count=20 if THOROUGH else 8,
    deadline=None,
)
