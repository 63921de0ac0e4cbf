"""The page of the service as a person sees and uses it, in Chromium."""

import pytest
from chromium import emulate, press, wait_until
from known_circuits import bell
from qiskit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2

from ibm_circuit_job.local import LocalService

HOSTILE = '"><img src=x onerror=window.harmed=1><script>window.harmed=1</script>'


@pytest.fixture
def page(driver, own_service):
    """The page, signed in, with the list of jobs."""
    return Page(driver, own_service)


class Page:
    """What tests do with the page. Each wait is for a condition."""

    def __init__(self, driver, service):
        self.driver, self.root = driver, service.page_url.partition("#")[0]
        emulate(driver)
        # Where the page is open already, it signs in anew, as if the address were typed there, and is not loaded again.
        driver.get(service.page_url)
        self.until(lambda: driver.current_url == f"{self.root}#/jobs")
        # It is hidden until the service has taken the token.
        self.until(self.all("#forget")[0].is_displayed)
        driver.execute_script("document.getElementById('sure').close()")

    def until(self, holds):
        return wait_until(self.driver, holds)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def go(self, view):
        self.driver.execute_script("location.hash = arguments[0]", f"#/{view}")

    def row(self, job):
        """The words of a job in the list; empty where it is not there, or is replaced just now."""
        script = "return document.querySelector(`tr[data-key='${arguments[0]}']`)?.innerText ?? ''"
        return self.driver.execute_script(script, job.job_id())

    def press(self, *keys):
        for key in keys:
            press(self.driver, key)

    def focused(self):
        return self.driver.execute_script("return document.activeElement.id")


@pytest.fixture
def busy(own_provider):
    """A job that runs for long, and is cancelled in the end."""
    circuit = QuantumCircuit(1, 1, name="slow")
    circuit.measure(0, 0)
    job = own_provider.get_backend("local_5q").run(circuit, shots=40_000, rep_delay=500e-6, job_tags=["slow"])
    yield job
    if not job.in_final_state():
        job.cancel()


def test_job_appears_and_becomes_done_without_a_reload(page, own_provider):
    page.until(lambda: page.all("h1"))
    page.driver.execute_script("window.loaded = 'once'")
    job = own_provider.get_backend("local_simulator").run(bell(), shots=10, job_tags=["a tag"])
    page.until(lambda: "DONE" in page.row(job))
    assert "a tag" in page.row(job)
    assert page.driver.execute_script("return window.loaded") == "once"


def test_token_leaves_the_address_and_is_asked_for_once(page):
    page.until(lambda: page.all("h1"))
    assert page.driver.current_url == f"{page.root}#/jobs"
    page.driver.refresh()
    page.until(lambda: page.all("#view h1"))
    assert page.driver.execute_script("return document.cookie") == ""


def test_wrong_token_is_refused_and_the_right_one_is_taken(page, own_service):
    page.all("#forget")[0].click()
    (field,) = page.all("#token")
    field.send_keys("wrong\n")
    page.until(lambda: "does not know this token" in page.all("#refused")[0].text)
    assert not page.all("#view *")
    field.send_keys(f"{own_service.token}\n")
    page.until(lambda: page.all("#view h1"))


def test_job_is_cancelled_by_keyboard_alone(page, busy):
    page.until(lambda: "RUNNING" in page.row(busy))
    while page.focused() != f"act-{busy.job_id()}":
        page.press("TAB")
    page.press("ENTER")
    page.until(lambda: page.focused() == "yes")
    page.press("ENTER")
    page.until(lambda: "CANCELLED" in page.row(busy))
    assert busy.status().name == "CANCELLED"


def test_focus_stays_where_it_is_when_other_jobs_change(page, busy, own_provider):
    page.until(lambda: "RUNNING" in page.row(busy))
    button = f"act-{busy.job_id()}"
    page.driver.execute_script("document.getElementById(arguments[0]).focus()", button)
    other = own_provider.get_backend("local_simulator").run(bell(), shots=10)
    page.until(lambda: "DONE" in page.row(other))
    assert page.focused() == button


def test_ended_job_is_deleted_and_is_gone_from_the_list(page, own_provider):
    job = own_provider.get_backend("local_simulator").run(bell(), shots=10)
    page.until(lambda: "DONE" in page.row(job))
    page.go(f"jobs/{job.job_id()}")
    page.until(lambda: "Timeline" in page.all("#view")[0].text)
    page.all("#view button")[0].click()
    page.all("#yes")[0].click()
    page.until(lambda: page.driver.current_url.endswith("#/jobs") and page.all("#view h1"))
    assert page.row(job) == ""


def test_yes_to_a_cancel_deletes_no_job_that_has_ended_meanwhile(page, busy):
    page.go(f"jobs/{busy.job_id()}")
    page.until(lambda: "RUNNING" in page.all("#view")[0].text)
    page.all("#view button")[0].click()
    assert page.all("#question")[0].text == f"Cancel job {busy.job_id()}?"
    busy.cancel()
    page.until(lambda: page.all("#view button")[0].get_attribute("data-method") == "DELETE")
    page.all("#yes")[0].click()
    page.until(lambda: "cannot be cancelled" in page.all("#state")[0].text)
    assert busy.status().name == "CANCELLED"


@pytest.mark.parametrize("token", ["%", "%ff", "100%"])
def test_token_that_is_not_encoded_is_refused_and_asked_for(page, token):
    page.driver.get(f"{page.root}#token={token}")
    page.until(lambda: "does not know this token" in page.all("#refused")[0].text)


def test_device_of_any_name_has_a_view(driver):
    backend = GenericBackendV2(3, seed=1)
    backend.name = "a b (c) é%"
    with LocalService(devices=[backend, "local_5q"], workers=1) as service:
        page = Page(driver, service)
        page.go("devices")
        page.until(lambda: len(page.all(".icj-device")) == 2)
        page.all(".icj-device a")[0].click()
        page.until(lambda: [each.text for each in page.all(".icj-device a")] == [backend.name])


def test_job_shows_circuit_counts_timeline_and_log(page, own_provider):
    job = own_provider.get_backend("local_simulator").run(bell(), shots=10)
    counts = job.result().get_counts()
    page.go(f"jobs/{job.job_id()}")
    page.until(lambda: page.all(".icj-bars svg"))
    words = page.all("#view")[0].text
    assert "┤ H ├" in words
    assert all(f"{outcome} {count}" in words for outcome, count in counts.items())
    assert "Completed" in words
    assert len(page.all(".icj-timeline rect")) == 2


def test_hostile_texts_are_shown_as_text(page, own_provider):
    circuit = bell()
    circuit.name = HOSTILE
    job = own_provider.get_backend("local_simulator").run(circuit, shots=10, job_tags=[HOSTILE])
    page.until(lambda: HOSTILE in page.row(job))
    page.go(f"jobs/{job.job_id()}")
    page.until(lambda: page.all(".icj-bars svg"))
    # As a tag, beside the drawing, and above the counts.
    assert page.all("#view")[0].text.count(HOSTILE) >= 3
    assert not page.all("#view img, #view script")
    assert page.driver.execute_script("return window.harmed") is None


def test_policy_forbids_code_in_the_page(page):
    script = """
        const done = arguments[0];
        document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
        document.body.insertAdjacentHTML("beforeend", "<svg onload='window.harmed=1'></svg>");
    """
    assert page.driver.execute_async_script(script) == "script-src-attr"
    assert page.driver.execute_script("return window.harmed") is None


def test_devices_show_their_queue_and_a_map_by_error(page, busy):
    page.go("devices")
    page.until(lambda: f"Runs {busy.job_id()}" in page.all("#view")[0].text)
    assert len(page.all("#device-local_5q circle")) == 5
    assert {level.get_attribute("class") for level in page.all("#device-local_27q line")} == {
        f"icj-level-{level}" for level in range(5)
    }


def test_phone_has_no_sideways_scroll(page, own_provider):
    job = own_provider.get_backend("local_simulator").run(bell(), shots=10, job_tags=["long" * 20, "x y " * 20])
    job.result()
    emulate(page.driver, width=360)
    for view, there in (
        ("jobs", f"tr[data-key='{job.job_id()}']"),
        (f"jobs/{job.job_id()}", "pre"),
        ("devices", "circle"),
    ):
        page.go(view)
        page.until(lambda there=there: page.all(there))
        assert page.driver.execute_script("return document.documentElement.scrollWidth") == 360


def test_dark_mode_is_dark(page):
    shade = "return getComputedStyle(document.body).backgroundColor"
    emulate(page.driver, scheme="light")
    assert page.driver.execute_script(shade) == "rgb(255, 255, 255)"
    emulate(page.driver, scheme="dark")
    assert page.driver.execute_script(shade) == "rgb(13, 17, 23)"


def test_page_says_that_it_is_not_connected_and_connects_again(page):
    page.until(lambda: page.all("#state")[0].text == "Live")
    offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    page.go("devices")
    page.until(lambda: "Not connected" in page.all("#state")[0].text)
    page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline | {"offline": False})
    page.until(lambda: page.all("#state")[0].text == "Live")
