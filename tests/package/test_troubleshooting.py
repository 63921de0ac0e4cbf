"""Each message on the page of troubleshooting is one that the sources have."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"
MESSAGES = re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(), re.MULTILINE)


def words_of(node):
    match node:
        case ast.JoinedStr(values=parts):
            return "".join(part.value if isinstance(part, ast.Constant) else "..." for part in parts)
        case ast.Constant(value=str(text)):
            return text
    return ""


def test_messages_on_the_page_are_in_the_sources():
    trees = [ast.parse(file.read_text()) for file in (ROOT / "src").rglob("*.py")]
    said = "\n".join(words_of(node) for tree in trees for node in ast.walk(tree))
    patterns = {message: r"(?:\.\.\.|%s|%r)".join(map(re.escape, message.split("..."))) for message in MESSAGES}
    assert len(patterns) > 20
    assert {message for message, pattern in patterns.items() if not re.search(pattern, said)} == set()
