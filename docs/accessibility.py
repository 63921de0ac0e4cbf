"""Look at every page of the built documentation with axe, as on a desktop and as on a phone: ``make accessibility``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "shared"))

from accessibility import scrolls_sideways, violations
from chromium import browser, emulate

BUILT = Path(__file__).parent / "_build"
PHONE = 390
MOST_BYTES = 200_000


def problems(driver, page: Path) -> list[str]:
    """Return what is wrong with a page at each width, in the light theme and in the dark one."""
    size = page.stat().st_size
    found = [f"{size:,} bytes; expected at most {MOST_BYTES:,}"] if size > MOST_BYTES else []
    driver.get(page.as_uri())
    for width in (None, PHONE):
        for scheme in ("light", "dark"):
            emulate(driver, width=width, scheme=scheme)
            seen = violations(driver) + ["wider than the window"] * scrolls_sideways(driver)
            found += [f"{width or 'desktop'}, {scheme}: {each}" for each in seen]
    return found


def main() -> int:
    pages = sorted(page for page in BUILT.rglob("*.html") if "_static" not in page.parts)
    number = 0
    with browser(1280, 900) as driver:
        for page in pages:
            for problem in problems(driver, page):
                number += 1
                print(f"{page.relative_to(BUILT)}: {problem}", flush=True)
    print(f"{len(pages)} pages, {number} problems")
    return number > 0


if __name__ == "__main__":
    sys.exit(main())
