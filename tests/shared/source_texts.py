"""The docstrings and the messages of the sources, read once for all tests of a worker: they have 300,000 nodes."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@cache
def source_texts():
    """Return the docstrings of public names, each with its place, and all texts, one on a line."""
    docstrings, texts = [], []
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.JoinedStr(values=parts):
                    texts.append("".join(part.value if isinstance(part, ast.Constant) else "..." for part in parts))
                case ast.Constant(value=str(text)):
                    texts.append(text)
                case _ if isinstance(node, _DOCUMENTED):
                    name = getattr(node, "name", "module")
                    if not name.startswith("_"):
                        place = f"{file.relative_to(ROOT)}: {name}"
                        docstrings.append((place, ast.get_docstring(node) or ""))
    return docstrings, "\n".join(texts)
