"""What is saved of a job at its submission, before its service was asked about it."""

from datetime import UTC, datetime

from ibm_circuit_job import IBMProvider, JobStore
from ibm_circuit_job.state.shown import job_view


def test_submission_saves_backend_time_tags_and_url(service, bell, tmp_path):
    before = datetime.now(UTC)
    with (
        JobStore(tmp_path / "jobs.sqlite") as store,
        IBMProvider(service.token, service.url, store=store) as provider,
    ):
        job = provider.get_backend("local_simulator").run(bell, shots=10, job_tags=["bell"])
        [record] = store.records()
        view = job_view(record.job_id, record.status, record.details, record.metrics)
        assert (view.backend, view.tags, view.service_url) == ("local_simulator", ("bell",), service.url)
        assert before <= view.submitted <= datetime.now(UTC)
        job.refresh()
        refreshed = job_view(job.job_id(), job.state.status, job.state.details, job.state.metrics)
        assert refreshed.submitted == view.submitted
        assert refreshed.service_url == service.url
        assert refreshed.created is not None
