"""What a person sees of a value: words beside every mark, times in two zones, and not too much of anything."""

from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files

import pytest
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.views.html import MOST_OUTCOMES, MOST_ROWS, backend_html, job_html, jobs_html, result_html
from ibm_circuit_job.views.records import BackendView, CountsView, JobView, ResultView

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)
BERLIN = timezone(timedelta(hours=1), "CET")


@pytest.mark.parametrize("status", [status.name for status in JobStatus])
def test_a_status_is_a_word_beside_a_mark(status):
    page = job_html(JobView("a", status=status))
    assert f"</b> {status}</span>" in page
    assert "icj-unknown" not in page


def test_a_status_that_is_not_known_says_so():
    assert "</b> status unknown</span>" in job_html(JobView("a"))


def test_the_pill_says_in_its_title_who_said_it_and_when():
    said = job_html(JobView("a", status="QUEUED", server_status="Queued", seen_at=NOON))
    assert 'title="the service says Queued, seen 2024-02-03 12:00:00 UTC"' in said
    assumed = job_html(JobView("a", status="CANCELLED", server_status="Cancelled", is_assumed=True))
    assert 'title="a cancel that the service accepted"' in assumed


def test_a_time_is_in_the_zone_with_utc_in_the_title():
    page = job_html(JobView("a", created=NOON), BERLIN)
    assert '<time title="2024-02-03 12:00:00 UTC">2024-02-03 13:00:00 CET</time>' in page


def test_steps_say_how_long_each_took():
    steps = [("created", NOON), ("running", NOON + timedelta(seconds=75)), ("finished", NOON + timedelta(hours=2))]
    page = job_html(JobView("a", steps=steps), UTC)
    assert "(after 1 min 15 s)" in page
    assert "(after 1 h 58 min)" in page


@pytest.mark.parametrize(
    ("job", "shown"),
    [
        (JobView("a", usage=2.5), "2.5 s"),
        (JobView("a", usage=0.0, usage_is_pending=True), "pending"),
        (JobView("a", usage_estimate=3.0), "about 3 s"),
        (JobView("a", usage=3725.0), "1 h 2 min"),
    ],
)
def test_quantum_time_is_said_as_far_as_it_is_known(job, shown):
    assert f'<th scope="row">Quantum time</th><td>{shown}</td>' in job_html(job)


def test_what_is_not_known_has_no_row():
    page = job_html(JobView("a"))
    assert "None" not in page
    assert "<th" not in page


def test_the_most_frequent_outcomes_have_bars_in_proportion():
    counts = {"00": 1, "11": 200, **{f"x{number}": 0 for number in range(20)}}
    page = result_html(ResultView("a", circuits=[CountsView("bell", counts)], number_of_circuits=4))
    assert page.count('class="icj-bar"') == MOST_OUTCOMES
    assert page.index("width:100.0%") < page.index("width:0.5%")
    assert "bell: 201 shots" in page
    assert f"and {len(counts) - MOST_OUTCOMES} more outcomes" in page
    assert "and 3 more circuits" in page


def test_a_table_has_a_row_for_each_job_and_an_end():
    page = jobs_html([JobView(f"job-{number}") for number in range(MOST_ROWS + 2)])
    assert page.count("<tr>") == 1 + MOST_ROWS
    assert "and 2 more jobs" in page
    assert "No jobs" in jobs_html([])


def test_a_backend_that_is_gone_says_that_only_its_name_is_known():
    assert "only the name is known" in backend_html(BackendView("ibm_x"))


def test_a_page_has_styles_for_dark_pages_and_no_scripts():
    page = job_html(JobView("a"))
    assert "prefers-color-scheme:dark" in page
    assert "<script" not in page
    # Every rule is for what is inside of a view.
    style = files("ibm_circuit_job.views").joinpath("templates/style.css").read_text()
    rules = [line for line in style.splitlines() if "{" in line and not line.startswith("@media")]
    assert all(line.startswith(".icj-view") for line in rules)
