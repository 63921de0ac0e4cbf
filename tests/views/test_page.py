"""What the page of the local service shows of plain values."""

from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest

from ibm_circuit_job.views.page import (
    device_list_html,
    frame_html,
    job_list_html,
    spans,
    stylesheet,
    whole_job_html,
)
from ibm_circuit_job.views.page_records import CircuitView, CouplingView, DeviceView, QubitView, WholeJobView
from ibm_circuit_job.views.records import CountsView, JobView

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)


def job(status="DONE", **fields):
    return JobView("a", status=status, backend="local_5q", program="sampler", created=NOON, **fields)


@pytest.mark.parametrize(
    ("status", "method"),
    [("QUEUED", "POST"), ("RUNNING", "POST"), ("DONE", "DELETE"), ("ERROR", "DELETE"), ("CANCELLED", "DELETE")],
)
def test_job_can_be_cancelled_until_it_ends_and_deleted_then(status, method):
    for page in (job_list_html([job(status)]), whole_job_html(WholeJobView(job(status)), NOON)):
        assert page.count("data-method") == page.count(f'data-method="{method}"') == 1


def test_list_says_how_many_there_are_of_each_kind_and_not_shown():
    page = job_list_html([job("QUEUED"), job("QUEUED"), job()], others=4)
    assert "0 running, 2 queued, 1 done, 0 failed, 0 cancelled" in page
    assert "and 4 older jobs" in page
    assert "No jobs yet" in job_list_html([])


def test_timeline_of_a_job_that_waits_ends_now():
    waits = job("QUEUED", steps=[("created", NOON)])
    assert spans(waits, NOON + timedelta(seconds=2)) == [("queued", 2.0, 0.0, 100.0)]
    assert spans(waits, NOON) == []


def test_timeline_of_a_job_that_runs_has_two_parts():
    runs = job("RUNNING", steps=[("created", NOON), ("running", NOON + timedelta(seconds=1))])
    assert spans(runs, NOON + timedelta(seconds=4)) == [("queued", 1.0, 0.0, 25.0), ("running", 3.0, 25.0, 75.0)]


def test_timeline_survives_a_clock_that_was_set_back():
    steps = [("created", NOON), ("running", NOON - timedelta(hours=1)), ("finished", NOON + timedelta(seconds=1))]
    assert spans(job(steps=steps), NOON) == [("queued", 0.0, 0.0, 0.0), ("running", 1.0, 0.0, 100.0)]
    assert spans(job(steps=[("created", NOON), ("finished", NOON - timedelta(seconds=1))]), NOON) == []


def test_drawing_is_shown_in_full_with_its_lines():
    drawing = "\n".join(f"line {number} " + "─" * 90 for number in range(50))
    whole = WholeJobView(job(), circuits=[CircuitView("bell", drawing)], counts=[CountsView("bell", {"00": 3})])
    page = whole_job_html(whole, NOON)
    assert drawing in page
    # The page allows no styles of elements.
    assert "style=" not in page
    assert '<svg class="icj-bar" width="100.0%"' in page


def test_map_has_a_line_for_each_pair_with_the_colour_of_its_error():
    device = DeviceView(
        "local_5q",
        2,
        running=["a"],
        waiting=list("bcdefgh"),
        qubits=[QubitView(0, 0.0, 0.0, 0.02, 0), QubitView(1, 1.0, 0.0, None, None)],
        couplings=[CouplingView(0, 1, "cx", 0.0123, 4)],
    )
    page = device_list_html([device], UTC)
    assert '<line class="icj-level-4" x1="26" y1="26" x2="72" y2="26">' in page
    assert "cx 0, 1: error 1.23e-02" in page
    assert "readout error unknown" in page
    assert "7 waiting" in page
    assert "and 2 more" in page


def test_frame_and_styles_have_no_code_of_their_own():
    page = frame_html()
    assert page.count("<script") == page.count('<script src="/page/script.js"') == 1
    assert "<style" not in page
    # What Jinja2 has put together is a stylesheet, and the styles of notebooks are in it.
    assert files("ibm_circuit_job.views").joinpath("templates/style.css").read_text().strip() in stylesheet()
    assert "@import" not in stylesheet()
