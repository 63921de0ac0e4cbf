"""The limits of IBM Quantum Platform for the tags of a job. IBM Quantum Platform Classic had none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ibm_circuit_job.errors import IBMBackendValueError

MOST_TAGS: Final = 8
"""The most tags of a job. Source: the schema of ``tags`` of ``POST /v1/jobs`` and ``PUT /v1/jobs/ID/tags``."""
LONGEST_TAG: Final = 86
"""The most characters that a tag may have. Source: the same schema."""


def excess_of_tags(tags: Sequence[str]) -> str | None:
    """Return which limit *tags* exceed, as the end of an error message; ``None`` if they exceed none.

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
    """Return tags as a list, after a check; empty for ``None``.

    Raises:
        IBMBackendValueError: If *tags* is not a list or tuple of strings, or a string contains a lone surrogate.
    """
    if tags is None:
        return []
    try:
        if isinstance(tags, (list, tuple)):
            # encode() raises for lone surrogates, which cannot be sent.
            return [str.encode(tag).decode() for tag in tags]
    except (TypeError, UnicodeEncodeError):
        pass
    raise IBMBackendValueError(f"expected job_tags to be a list of strings, got {tags!r}")
