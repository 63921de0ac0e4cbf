"""What axe finds on the page that a browser shows: https://github.com/dequelabs/axe-core/blob/develop/doc/rule-descriptions.md."""

import pytest

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
"""The rules for WCAG 2.1, levels A and AA, and what axe recommends besides."""

MOST_SECONDS = 300
"""Axe takes seconds for a long page, and many more on a machine that is busy."""


def violations(driver):
    """Return what breaks a rule, each as the rule and the place of an element.

    A test that asks for it is skipped where axe is not installed.
    """
    axe = pytest.importorskip(
        "axe_core_python.selenium", reason="axe-core-python is not installed; the extra dev has it"
    )
    driver.set_script_timeout(MOST_SECONDS)
    found = axe.Axe().run(driver, options={"runOnly": {"type": "tag", "values": RULES}})
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))}" for rule in found["violations"] for node in rule["nodes"]
    ]


def scrolls_sideways(driver):
    """Return whether the page as a whole is wider than the window."""
    return driver.execute_script("return document.documentElement.scrollWidth > document.documentElement.clientWidth")
