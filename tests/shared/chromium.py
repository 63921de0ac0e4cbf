"""A real browser: Debian's Chromium, driven by Selenium."""

import contextlib
import os
import shutil
import tempfile

import pytest

SECONDS = 30
"""How long a condition is waited for."""
SWITCHES = (
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    # A process for each page takes more time than most pages do.
    "--disable-features=SpareRendererForSitePerProcess,MediaRouter,OptimizationHints,Translate",
    "--in-process-gpu",
    "--renderer-process-limit=1",
    "--force-device-scale-factor=1",
)


@contextlib.contextmanager
def browser(width=1200, height=900):
    """Return a driver of a browser that has no history.

    A test that asks for it is skipped where there is no browser.
    """
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    missing = [name for name, path in programs.items() if path is None]
    if missing:
        pytest.skip(f"there is no {' and no '.join(missing)} on the path; `make browser` installs both")
    from selenium import webdriver  # noqa: PLC0415 - slow to load, for each worker that collects the tests
    from selenium.webdriver.chrome.service import Service  # noqa: PLC0415 - the same

    options = webdriver.ChromeOptions()
    options.binary_location = programs["chromium"]
    for switch in SWITCHES:
        options.add_argument(switch)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # Chromium has no sandbox for root.
        options.add_argument("--no-sandbox")
    options.add_argument(f"--window-size={width},{height}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options.add_argument(f"--user-data-dir={profile}")
        driver = webdriver.Chrome(options, Service(programs["chromedriver"]))
        try:
            yield driver
        finally:
            driver.quit()


def emulate(driver, *, width=None, scheme=None):
    """Show the page as on a phone of some width, or with a colour scheme; as on the window by default."""
    if width is None:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    else:
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [] if scheme is None else [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def wait_until(driver, holds):
    """Return what a condition is when it holds; it does not, while the page replaces the elements that it asks."""
    from selenium.common.exceptions import StaleElementReferenceException  # noqa: PLC0415 - slow to load
    from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415 - the same

    waiting = WebDriverWait(driver, SECONDS, 0.05, ignored_exceptions=[StaleElementReferenceException])
    return waiting.until(lambda _: holds())


def press(driver, key):
    """Press a key by its name, such as ``TAB``."""
    from selenium.webdriver.common.action_chains import ActionChains  # noqa: PLC0415 - slow to load
    from selenium.webdriver.common.keys import Keys  # noqa: PLC0415 - the same

    ActionChains(driver).send_keys(getattr(Keys, key)).perform()
