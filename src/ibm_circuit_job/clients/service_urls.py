"""The URLs of the services of an account, derived from one URL, a region and environment variables.

Source: the official client's default URLs, and the environment variables ``IAM_URL``, ``GLOBAL_SEARCH_URL`` and
``GLOBAL_CATALOG_URL`` of IBM's SDKs.
"""

from __future__ import annotations

import os
import re
from typing import Final
from urllib.parse import urlsplit

from ibm_circuit_job.clients.object_store import is_allowed
from ibm_circuit_job.clients.parameters import ClientParameters
from ibm_circuit_job.clients.pasted import clean, clean_url, host_of, is_loopback
from ibm_circuit_job.errors import IBMAccountError

FIRST_REGION: Final = "us-east"
"""The first region of the service; its host name contains no region."""
_LOCAL_PATHS: Final = {"api.global-search-tagging": "/search", "globalcatalog": "/catalog"}
"""Service -> its path on this machine; the other services are at the root."""
_REQUEST_PATH: Final = re.compile(r"(?:/identity(?:/token)?|/v3/resources/search)?/*\Z")
"""The path of a request, which users sometimes leave at the end of a variable."""


def api_url(params: ClientParameters) -> str:
    """Return the URL of the API.

    A URL with a path, or on this machine, is the URL of the API itself. Otherwise the host is derived from the region
    of the instance and from ``private_endpoint``.

    Example:
        >>> from ibm_circuit_job.clients.parameters import ClientParameters
        >>> crn = "crn:v1:bluemix:public:quantum-computing:eu-de:a/1:2::"
        >>> api_url(ClientParameters("secret", instance=crn))
        'https://eu-de.quantum.cloud.ibm.com/api/v1'
        >>> api_url(ClientParameters("secret", instance=crn, private_endpoint=True))
        'https://private.eu-de.quantum.cloud.ibm.com/api/v1'
    """
    parts = urlsplit(params.url)
    if parts.path.strip("/"):
        return params.url
    if _names_api_host(params.url):
        return f"{params.url}/api/v1"
    region = params.crn_region or params.region or FIRST_REGION
    if params.private_endpoint:
        return f"{parts.scheme}://private.{region}.quantum.{parts.netloc}/api/v1"
    return f"{parts.scheme}://{'' if region == FIRST_REGION else f'{region}.'}quantum.{parts.netloc}/api/v1"


def knows_api_url(params: ClientParameters) -> bool:
    """Return whether :func:`api_url` returns the right URL before the instance is chosen.

    Example:
        >>> from ibm_circuit_job.clients.parameters import ClientParameters
        >>> knows_api_url(ClientParameters("secret")), knows_api_url(ClientParameters("secret", region="eu-de"))
        (False, True)
    """
    has_region = params.crn_region is not None or params.region is not None
    return has_region or bool(urlsplit(params.url).path.strip("/")) or _names_api_host(params.url)


def _names_api_host(url: str) -> bool:
    netloc = urlsplit(url).netloc
    return is_loopback(host_of(url)) or netloc.startswith("quantum.") or ".quantum." in netloc


def iam_url(params: ClientParameters) -> str:
    """Return the URL of IAM. The environment variable ``IAM_URL`` may name another one.

    Raises:
        IBMAccountError: If the value of the variable is not a URL, or is plain HTTP to another machine.
    """
    return service_url(params.url, "IAM_URL", "private.iam" if params.private_endpoint else "iam")


def service_url(url: str, variable: str, name: str) -> str:
    """Return the URL of another service of the same cloud, without a slash at its end.

    Args:
        url: The URL of the log-in.
        variable: The environment variable that may name the URL. A path of a request at its end is removed.
        name: The first part of the service's host name, as in ``"iam"``.

    Raises:
        IBMAccountError: If the value of the variable is not a URL, or is plain HTTP to another machine.
    """
    given = _REQUEST_PATH.sub("", clean(os.environ.get(variable) or ""))
    if not given:
        return beside(url, name)
    if is_loopback(host_of(url)) and not is_loopback(host_of(given)):
        # The services of an account on this machine are all on this machine.
        return beside(url, name)
    if not is_allowed(given) or not host_of(given):
        raise IBMAccountError(
            f"expected the variable {variable} to be a URL with https://, or with http:// to this machine; "
            "correct it, or unset it"
        )
    return given


def beside(url: str, name: str) -> str:
    """Return the URL of another service of the same cloud. On this machine, all services have one host.

    The host of the other service is below the host of *url*; for a URL of IBM Cloud, below ``cloud.ibm.com``.

    Example:
        >>> beside("https://eu-de.quantum.cloud.ibm.com/api/v1", "iam")
        'https://iam.cloud.ibm.com'
        >>> beside("https://cloud.ibm.com", "globalcatalog")
        'https://globalcatalog.cloud.ibm.com/api/v1'
        >>> beside("https://quantum.example", "iam")
        'https://iam.quantum.example'
    """
    parts = urlsplit(clean_url(url))
    if is_loopback(host_of(url)):
        return f"{parts.scheme}://{parts.netloc}{_LOCAL_PATHS.get(name, '')}"
    path = "/api/v1" if name == "globalcatalog" else ""
    return f"{parts.scheme}://{name}.{parts.netloc}{path}"
