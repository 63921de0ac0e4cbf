"""Each message on the page of troubleshooting is one that the sources have."""

import re

from source_texts import ROOT, source_texts

PAGE = ROOT / "docs" / "troubleshooting.md"
MESSAGES = re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(), re.MULTILINE)


def test_messages_on_the_page_are_in_the_sources():
    _, said = source_texts()
    patterns = {message: r"(?:\.\.\.|%s|%r)".join(map(re.escape, message.split("..."))) for message in MESSAGES}
    assert len(patterns) > 20
    assert {message for message, pattern in patterns.items() if not re.search(pattern, said)} == set()
