"""Hypothesis strategies for facts, records, histories of facts, and the service's replies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ibm_circuit_job.state.facts import (
    Fact,
    JobDetails,
    JobInputs,
    JobMetrics,
    JsonText,
    ResultPayload,
    StatusReport,
)
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.status import STATUS_OF
from ibm_circuit_job.state.transitions import refresh
from ibm_circuit_job.state.wire import status_report

JOB_ID = "cq1xexample"
"""The job that records and histories are about."""

_FIRST_MOMENT = datetime(2024, 2, 3, 12, tzinfo=UTC)


def moments() -> SearchStrategy[datetime]:
    """Aware times in UTC. Few of them, so that ties are as common as order."""
    return st.integers(0, 5).map(lambda seconds: _FIRST_MOMENT + timedelta(seconds=seconds))


def texts() -> SearchStrategy[str]:
    """Texts as people and servers write them: anything but lone surrogates."""
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def server_statuses() -> SearchStrategy[str]:
    """Status strings: those that the service is known to use, in any case, and some never heard of."""
    known = st.sampled_from(sorted(STATUS_OF))
    return st.one_of(known, known.map(str.title), known.map(str.lower), texts().filter(bool))


def status_reports() -> SearchStrategy[StatusReport]:
    """Reports of any status, said by the service or assumed by us."""
    said = st.builds(
        status_report,
        server_status=server_statuses(),
        observed_at=moments(),
        reason=st.none() | texts(),
        reason_code=st.none() | st.integers(1000, 9999) | texts(),
    )
    assumed = moments().map(lambda moment: StatusReport(moment, STATUS_OF["CANCELLED"], "Cancelled", assumed=True))
    return said | assumed


def job_details() -> SearchStrategy[JobDetails]:
    """What a service says of a job, with any of it absent."""
    return st.builds(
        JobDetails,
        observed_at=moments(),
        backend=st.none() | texts(),
        program=st.none() | st.sampled_from(["circuit-runner", "qasm3-runner", "sampler"]),
        created=st.none() | moments(),
        name=st.none() | texts(),
        tags=st.lists(texts(), max_size=3),
        session_id=st.none() | texts(),
        run_mode=st.none() | texts(),
        usage_estimate=st.none() | st.floats(0, 1e6),
        private=st.none() | st.booleans(),
        unknown=_unknown_fields(),
    )


def job_metrics() -> SearchStrategy[JobMetrics]:
    """What a service measured of a job, with any of it absent."""
    position = st.none() | st.integers(1, 100)
    seconds = st.none() | st.floats(0, 1e6)
    steps = st.tuples(st.sampled_from(["created", "running", "finished"]), moments())
    return st.builds(
        JobMetrics,
        observed_at=moments(),
        timestamps=st.lists(steps, max_size=3, unique_by=lambda step: step[0]),
        position_in_queue=position,
        position_in_provider=position,
        estimated_start=st.none() | moments(),
        estimated_completion=st.none() | moments(),
        quantum_seconds=seconds,
        usage_seconds=seconds,
        client_version=st.none() | st.sampled_from(["0.1.0,0.21.2", "0.45.1"]),
        unknown=_unknown_fields(),
    )


def _unknown_fields() -> SearchStrategy[list[tuple[str, JsonText]]]:
    json_texts = st.sampled_from(["null", "1", '"x"', '{"y":[1, 2]}', "1.00"])
    return st.lists(st.tuples(texts(), json_texts), max_size=2, unique_by=lambda pair: pair[0])


def job_inputs() -> SearchStrategy[JobInputs]:
    """Inputs of a job, as bytes of any content."""
    return st.builds(JobInputs, observed_at=moments(), raw=st.binary(max_size=8))


def payloads() -> SearchStrategy[ResultPayload]:
    """Bodies of results, as bytes of any content."""
    return st.builds(ResultPayload, observed_at=moments(), raw=st.binary(max_size=8))


def facts() -> SearchStrategy[Fact]:
    """One thing that may be learned about a job."""
    return st.one_of(status_reports(), job_details(), job_metrics(), job_inputs(), payloads())


def histories(*, max_size: int = 8) -> SearchStrategy[list[Fact]]:
    """Facts about one job in the order in which they were learned."""
    return st.lists(facts(), max_size=max_size)


def jobs() -> SearchStrategy[Job]:
    """Records of one and the same job, each with what some history taught."""
    return histories().map(lambda history: refresh(Job(JOB_ID), *history))
