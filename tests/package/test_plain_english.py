"""Docstrings, comments, messages and pages avoid words that a reader would have to learn, and long sentences."""

import re

from source_texts import ROOT, SOURCES, source_texts

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
AVOIDED = re.compile(r"\b(whoever|whom|whomever|nobody|somebody else)\b", re.IGNORECASE)
MOST_WORDS = 35


def test_words_that_a_reader_has_to_learn_occur_nowhere():
    lines = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in (*SOURCES, *PAGES)
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if AVOIDED.search(line)
    ]
    assert lines == []


def sentences(text):
    """The sentences of a docstring, without its examples, tables and lists."""
    prose = "\n".join(line for line in text.splitlines() if not re.match(r"\s*(>>>|\.\.\.|\.\. |[|│├└])", line))
    for paragraph in re.split(r"\n\s*\n|\n\s*[-*] |\n(?=\s*\w+(?: \([^)]*\))?:(?:\s|$))|::?\s*\n", prose):
        yield from re.split(r"(?<=[.!?;:])\s+", paragraph)


def test_no_sentence_of_a_public_docstring_is_long():
    long = [
        f"{place}: {' '.join(sentence.split())}"
        for place, text in source_texts()[0]
        for sentence in sentences(text)
        if len(sentence.split()) > MOST_WORDS
    ]
    assert long == []


def test_long_sentence_and_avoided_word_are_found():
    assert AVOIDED.search("It is for whoever asks.")
    assert max(len(each.split()) for each in sentences("One. " + "word " * 40 + "end. Two.")) > MOST_WORDS
