"""The error of a failed log-in: an ``IBMAccountError`` that says what failed and what to do next. Pure: no I/O.

Source: the error codes of IAM, https://cloud.ibm.com/apidocs/iam-identity-token-api; ``BXNIM0415E`` is the code for an
unknown key.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from ibm_circuit_job.errors import Failure, IBMAccountError, Obstacle, Refused, Unreachable, Unreadable, account_error

_UNKNOWN_KEY_CODE: Final = "BXNIM0415E"
_IAM_CODES: Final = "BXNIM"
_IBM_HOST: Final = re.compile(r"(?:.*\.)?ibm\.com")
_TRY_LATER: Final = "try again later"
_CHECK_URL: Final = "check the url"
_OF_SOURCE: Final = "{of the source}"
_CHECK_KEY: Final = (
    f"check the token{_OF_SOURCE}: an API key is shown once, when it is created at https://cloud.ibm.com/iam/apikeys"
)
_LOCKED: Final = "check at https://cloud.ibm.com/iam/apikeys whether the key, or its account, is locked or disabled"
_PORTAL: Final = "log in to the network that this machine is in: open https://cloud.ibm.com in a browser"
_ASK_FOR_PROXY: Final = "a firewall may be in the way: give the proxy of your network as 'proxies', or in HTTPS_PROXY"
_CREDENTIALS: Final = (
    "give them in the URL of the proxy, as in proxies={'urls': {'https': 'http://USER:PASSWORD@host:port'}}"
)
_OF_OBSTACLE: Final = {
    Obstacle.NAME_SERVER: "check that this machine is connected to the internet",
    Obstacle.NOT_LISTENING: _ASK_FOR_PROXY,
    Obstacle.SILENT: _ASK_FOR_PROXY,
    Obstacle.CERTIFICATE: (
        "give the certificates of your network's authority as verify='/path/to/them.pem', or in REQUESTS_CA_BUNDLE"
    ),
    Obstacle.TLS: "check the url: the server there does not support TLS, or no version that this machine supports",
    Obstacle.CERTIFICATE_FILE: "name a file in PEM format, or none",
    Obstacle.SOCKS: "install PySocks, which a proxy with socks5:// needs",
    Obstacle.PROXY: "check the address of the proxy",
    Obstacle.PROXY_CREDENTIALS: _CREDENTIALS,
}


def log_in_error(failure: Failure, url: str, source: str | None = None) -> IBMAccountError:
    """Return the exception for a failed log-in. Its message ends with one next step.

    Its attribute ``is_passing`` is set by :func:`~ibm_circuit_job.errors.account_error`, and true if the log-in page of
    a network came instead of IBM's reply.

    Args:
        failure: The failure of the log-in.
        url: The URL of the log-in.
        source: The source of the key in words, as in ``"the variable QISKIT_IBM_TOKEN"``.

    Example:
        >>> from ibm_circuit_job.errors import Refused
        >>> refused = Refused("log in", "https://x", 400, "Provided API key could not be found.", "BXNIM0415E")
        >>> print(log_in_error(refused, "https://cloud.ibm.com"))
        could not log in: the service at https://x answered 400: Provided API key could not be found. \
(code BXNIM0415E); check the token: an API key is shown once, when it is created at https://cloud.ibm.com/iam/apikeys
    """
    step = _next_step(failure, _is_of_ibm(url))
    words = step.replace(_OF_SOURCE, "" if source in {None, "the arguments"} else f" of {source}")
    error = account_error(failure, f"; {words}" if words else "")
    if step == _PORTAL:
        error.is_passing = True
    return error


def _is_of_ibm(url: str) -> bool:
    return _IBM_HOST.fullmatch(urlsplit(url).hostname or "") is not None


def _next_step(failure: Failure, is_of_ibm: bool) -> str:
    match failure:
        case Unreachable(obstacle=obstacle):
            if obstacle in _OF_OBSTACLE and (is_of_ibm or obstacle not in _OF_WRONG_URL):
                return _OF_OBSTACLE[obstacle]
            return _TRY_LATER if is_of_ibm else _CHECK_URL
        case Refused():
            return _after_refusal(failure)
        case Unreadable():
            return _PORTAL if failure.is_page and is_of_ibm else _CHECK_URL
        case _:
            return ""


_OF_WRONG_URL: Final = frozenset({Obstacle.NAME_SERVER, Obstacle.NOT_LISTENING, Obstacle.SILENT})
"""Obstacles that come more likely from a wrong URL than from the network, if the host is not one of IBM's."""


def _after_refusal(failure: Refused) -> str:
    status, code = failure.http_status, failure.code or ""
    steps = (
        (status == 407, _CREDENTIALS),
        (status == 511 or (300 <= status < 400 and not failure.by_service), _PORTAL),
        (failure.is_busy, _TRY_LATER),
        (code == _UNKNOWN_KEY_CODE, _CHECK_KEY),
        (code.startswith(_IAM_CODES), _LOCKED),
        (failure.by_service and status in {400, 401, 403}, f"check the token{_OF_SOURCE}"),
    )
    return next((step for fits, step in steps if fits), _CHECK_URL)
