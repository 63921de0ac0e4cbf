"""Recorder: records the requests and replies of the sessions that the library makes while it is in use."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import requests
import urllib3

from ibm_circuit_job.clients import private_files
from ibm_circuit_job.clients.http import reply_hook
from ibm_circuit_job.errors import IBMError
from ibm_circuit_job.wire.exchange import Exchange
from ibm_circuit_job.wire.redaction import fixture_of, leaked

_SHORTEST_SECRET: Final = 8
"""The length from which a key or token is searched for: a shorter one may be part of an ordinary word."""


class Recorder:
    """Records requests and replies, with a hook ``response`` of ``requests``.

    A request without a reply is not recorded. If a request is sent again, each reply is recorded.

    Args:
        began: The time at which the recording began; aware.
    """

    def __init__(self, began: datetime) -> None:
        self._began = began
        self._exchanges: list[Exchange] = []

    def __repr__(self) -> str:
        return f"<Recorder({len(self._exchanges)} exchanges)>"

    @contextlib.contextmanager
    def recording(self) -> Iterator[Recorder]:
        """Record the requests of sessions that are made within this block, in any thread of this process."""
        with reply_hook(self._record):
            yield self

    def _record(self, response: requests.Response, *_: Any, **__: Any) -> None:
        """Record a request and its reply. ``requests`` calls this method."""
        body = response.content
        # The client later reads the body from this object in pieces, as it would from the connection.
        response.raw = urllib3.HTTPResponse(io.BytesIO(body), status=response.status_code, preload_content=False)
        sent = response.request
        given = sent.body or b""
        self._exchanges.append(
            Exchange(
                sent.method or "",
                sent.url or "",
                response.status_code,
                dict(sent.headers),
                given.encode() if isinstance(given, str) else bytes(given),
                dict(response.headers),
                body,
            )
        )

    def fixture(self) -> dict[str, Any]:
        """Return the recording without secrets; see :func:`~ibm_circuit_job.wire.redaction.fixture_of`.

        Raises:
            IBMError: If the fixture still contains a key or a token. This is a bug of this library.
        """
        fixture = fixture_of(self._exchanges, self._began)
        secrets = [secret for each in self._exchanges for secret in _secrets(each) if len(secret) >= _SHORTEST_SECRET]
        if leaked(json.dumps(fixture), secrets):
            raise IBMError("the recording was not written, because it contains a key or a token; please report this")
        return fixture

    def __len__(self) -> int:
        return len(self._exchanges)


def _secrets(exchange: Exchange) -> Iterator[str]:
    """The API key and the tokens of a request."""
    headers = {name.lower(): value for name, value in exchange.request_headers.items()}
    yield headers.get("x-access-token", "")
    yield headers.get("authorization", "").rpartition(" ")[2]
    if headers.get("content-type") == "application/x-www-form-urlencoded":
        yield dict(parse_qsl(exchange.request_body.decode("utf-8", "replace"))).get("apikey", "")


def write_fixture(fixture: dict[str, Any], path: Path) -> None:
    """Write a fixture to a file that only its owner can read. An existing file is replaced in one step.

    Args:
        fixture: The fixture.
        path: The file.

    Raises:
        IBMError: If the file cannot be written; the message gives the reason.
    """
    text = json.dumps(fixture, indent=1, ensure_ascii=True) + "\n"
    try:
        descriptor, name = private_files.open_temporary(path)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise IBMError(f"cannot write {path}: {error.strerror}") from None
