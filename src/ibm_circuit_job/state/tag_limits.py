"""What IBM Quantum Platform takes as the tags of a job. IBM Quantum Platform Classic had no such limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ibm_circuit_job.errors import IBMBackendValueError

MOST_TAGS: Final = 8
"""How many tags a job may have. Source: the schema of ``tags`` of ``POST /v1/jobs`` and ``PUT /v1/jobs/ID/tags``."""
LONGEST_TAG: Final = 86
"""How many characters a tag may have; the same source."""


def excess_of_tags(tags: Sequence[str]) -> str | None:
    """Return what *tags* should be, and what they are, where the service does not take them; else ``None``.

    Example:
        >>> excess_of_tags(["a"] * 9)
        'at most 8 tags, got 9'
        >>> excess_of_tags(["a", "b"]) is None
        True
    """
    if len(tags) > MOST_TAGS:
        return f"at most {MOST_TAGS} tags, got {len(tags)}"
    longest = max(tags, key=len, default="")
    if len(longest) > LONGEST_TAG:
        return f"tags of at most {LONGEST_TAG} characters, got one of {len(longest)}: {longest!r}"
    return None


def checked_tags(tags: object) -> list[str]:
    """Return tags, checked.

    Raises:
        IBMBackendValueError: If they are no list of strings.
    """
    if tags is None:
        return []
    try:
        if isinstance(tags, (list, tuple)):
            # Texts that cannot be sent are refused here, too.
            return [str.encode(tag).decode() for tag in tags]
    except (TypeError, UnicodeEncodeError):
        pass
    raise IBMBackendValueError(f"expected job_tags to be a list of strings, got {tags!r}")
