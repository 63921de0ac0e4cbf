"""Secrets are replaced in what urllib3, requests and websocket-client log, at every level.

A logger passes its records through a filter before any handler gets them, and its children do not; so each has the
filter.
"""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Iterable, Iterator
from typing import Final
from weakref import WeakValueDictionary

from ibm_circuit_job.threads.locks import ForkFreeLock
from ibm_circuit_job.wire.masking import Secrets

_LOGGERS: Final = (
    "charset_normalizer",
    "requests",
    "requests.sessions",
    "urllib3",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.response",
    "urllib3.util.retry",
    "urllib3.util.url",
    "websocket",
)


class Holder:
    """Has the secrets that are in no log for as long as it lives. It is in no repr what they are."""

    __slots__ = ("__weakref__", "_lock", "secrets")

    def __init__(self, secrets: Secrets) -> None:
        self.secrets = secrets
        """The secrets. They are replaced as a whole, and never changed."""
        self._lock = ForkFreeLock()
        _holders[id(self)] = self

    def add(self, texts: Iterable[str | None]) -> None:
        """Have these in no log, too."""
        with self._lock():
            self.secrets = self.secrets.plus(texts)


_holders: Final[WeakValueDictionary[int, Holder]] = WeakValueDictionary()


@contextlib.contextmanager
def without(secrets: Secrets) -> Iterator[None]:
    """Replace these, too, within the block."""
    holder = Holder(secrets)
    try:
        yield
    finally:
        holder.secrets = Secrets.of(())


def _is_masked(record: logging.LogRecord) -> bool:
    """Replace the secrets in a record, which is logged all the same."""
    try:
        words = record.getMessage()
    except (TypeError, ValueError, KeyError):
        # Not ours to mend; the handler says so.
        return True
    shown = _shown(words)
    if shown != words:
        record.msg, record.args = shown, None
    if record.exc_info and record.exc_info[0] is not None:
        trace = "".join(traceback.format_exception(*record.exc_info))
        if (masked := _shown(trace)) != trace:
            record.exc_info, record.exc_text = None, masked.rstrip()
    return True


def _shown(words: str) -> str:
    # One step of the interpreter, and no lock: a thread may log while it holds any.
    for holder in [reference() for reference in _holders.valuerefs()]:
        if holder is not None:
            words = holder.secrets.masked(words)
    return words


for _name in _LOGGERS:
    logging.getLogger(_name).addFilter(_is_masked)
