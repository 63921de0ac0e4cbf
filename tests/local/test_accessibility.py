"""The page of the service and the HTML of notebooks break no rule of axe, and can be used by keyboard."""

from datetime import UTC, datetime

import pytest
from accessibility import scrolls_sideways, violations
from chromium import emulate, press, wait_until
from known_circuits import bell
from qiskit.providers.jobstatus import JobStatus

from ibm_circuit_job.views.html import job_html, jobs_html, live_html, result_html
from ibm_circuit_job.views.records import CountsView, JobView, ResultView

PHONE = 390
NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def done(own_provider):
    job = own_provider.get_backend("local_simulator").run(bell(), shots=10, job_tags=["a tag", "long" * 20])
    job.result()
    return job


@pytest.fixture
def page(driver, own_service):
    emulate(driver)
    # Where the page is open already, it signs in anew, and is not loaded again.
    driver.get(own_service.page_url)
    wait_until(driver, lambda: driver.current_url.endswith("#/jobs"))
    driver.execute_script("document.getElementById('sure').close()")
    shows(driver, "#view h1")
    return driver


def shows(driver, selector):
    """Wait until the page has an element."""
    wait_until(driver, lambda: driver.find_elements("css selector", selector))


def test_sign_in_breaks_no_rule(page):
    page.find_element("css selector", "#forget").click()
    page.find_element("css selector", "#token").send_keys("wrong\n")
    shows(page, "#refused:not(:empty)")
    assert violations(page) == []


@pytest.mark.parametrize(("width", "scheme"), [(None, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_views_break_no_rule(page, done, width, scheme):
    emulate(page, width=width, scheme=scheme)
    for view, shown in (
        ("jobs", f"tr[data-key='{done.job_id()}']"),
        (f"jobs/{done.job_id()}", ".icj-bars svg"),
        ("devices/local_5q", ".icj-map"),
        ("jobs/none", "#view h1 + p"),
    ):
        page.execute_script("location.hash = arguments[0]", f"#/{view}")
        shows(page, shown)
        assert (view, violations(page), scrolls_sideways(page)) == (view, [], False)


def test_open_question_breaks_no_rule(page, done):
    page.find_element("css selector", f"#act-{done.job_id()}").click()
    shows(page, "#sure[open]")
    assert violations(page) == []


def test_each_stop_of_tab_is_seen(page, done):
    page.execute_script("location.hash = arguments[0]", f"#/jobs/{done.job_id()}")
    # Tab starts at the beginning of a page that was loaded just now.
    page.refresh()
    shows(page, ".icj-bars svg")
    stops = []
    for _ in range(8):
        press(page, "TAB")
        element = page.switch_to.active_element
        assert element.value_of_css_property("outline-style") == "solid", element.get_attribute("outerHTML")
        stops.append(element.accessible_name)
    assert stops[:6] == [
        "Skip to the content",
        "Jobs",
        "Devices",
        "Sign out",
        "All jobs",
        f"Delete job {done.job_id()}",
    ]
    assert stops[6].startswith("Drawing of the circuit")
    assert stops[7] == "Log"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_html_of_notebooks_breaks_no_rule(driver, tmp_path, scheme):
    jobs = [
        JobView(f"a{number}", status=status.name, backend="local_5q", created=NOON, tags=["long" * 20])
        for number, status in enumerate(JobStatus)
    ]
    result = ResultView("a", circuits=[CountsView("bell", {"00": 510, "11": 490})], number_of_circuits=1)
    views = [*map(job_html, jobs), jobs_html(jobs), live_html(jobs, NOON), result_html(result)]
    colours = {"light": "color:#222;background:#fff", "dark": "color:#ccc;background:#111"}[scheme]
    notebook = tmp_path / "notebook.html"
    notebook.write_text(
        "<!DOCTYPE html><html lang='en'><meta charset='utf-8'><title>Notebook</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<body style='{colours}'><main><h1>Notebook</h1>{''.join(views)}</main></html>",
        encoding="utf-8",
    )
    emulate(driver, width=PHONE, scheme=scheme)
    driver.get(notebook.as_uri())
    assert violations(driver) == []
    assert not scrolls_sideways(driver)
