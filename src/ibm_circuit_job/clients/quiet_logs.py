"""Masks secrets in the log records of urllib3, requests and websocket-client, at every level.

A filter of a logger changes a record before all handlers get it. It does not apply to child loggers, so each logger of
these packages has the filter.
"""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Iterable, Iterator
from itertools import chain
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


class MaskedInLogs:
    """Secrets that are masked in logs as long as this object exists. Its repr does not show them.

    Args:
        secrets: The secrets.
    """

    __slots__ = ("__weakref__", "_lock", "secrets")

    def __init__(self, secrets: Secrets) -> None:
        self.secrets = secrets
        """The secrets. The object is replaced, and never changed in place."""
        self._lock = ForkFreeLock()
        _masked[id(self)] = self

    def add(self, texts: Iterable[str | None]) -> None:
        """Mask these texts, too."""
        with self._lock():
            self.secrets = self.secrets.plus(texts)


_masked: Final[WeakValueDictionary[int, MaskedInLogs]] = WeakValueDictionary()


@contextlib.contextmanager
def without(secrets: Secrets) -> Iterator[None]:
    """Mask these secrets, too, in the logs of the block."""
    masked = MaskedInLogs(secrets)
    try:
        yield
    finally:
        masked.secrets = Secrets.of(())


def _mask(record: logging.LogRecord) -> bool:
    """Mask the secrets in a record; return True, so that the record is logged."""
    try:
        words = record.getMessage()
    except (TypeError, ValueError, KeyError):
        # The format does not fit its arguments; the handler reports that.
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
    # valuerefs() is one step of the interpreter. A lock could deadlock: a thread may log while it holds a lock.
    everything = [masked.secrets.texts for reference in _masked.valuerefs() if (masked := reference()) is not None]
    return Secrets.of(chain.from_iterable(everything)).masked(words)


for _name in _LOGGERS:
    logging.getLogger(_name).addFilter(_mask)
