"""Where the services of an account are: the hosts of IBM Cloud that follow from one URL, a region and variables.

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
"""The region in which the service began; its host has no name of a region."""
_PATHS: Final = {"api.global-search-tagging": "/search", "globalcatalog": "/catalog"}
"""Where a service on this machine has these; all else is at its root."""
_REQUEST_PATH: Final = re.compile(r"(?:/identity(?:/token)?|/v3/resources/search)?/*\Z")
"""What a variable may have at its end though it belongs to the request."""


def api_url(params: ClientParameters) -> str:
    """Return the URL of the API.

    A URL with a path is that of the API itself, and so is one on this machine; else the host follows from the region of
    the instance, and from ``private_endpoint``.

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
    """Return whether :func:`api_url` is right before the instance is known.

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
    """Return the URL of IAM, which the environment variable ``IAM_URL`` may name.

    Raises:
        IBMAccountError: If what the variable names is no URL, or plain HTTP to another machine.
    """
    return service_url(params.url, "IAM_URL", "private.iam" if params.private_endpoint else "iam")


def service_url(url: str, variable: str, name: str) -> str:
    """Return the URL of another service of the same cloud, without a slash at its end.

    Args:
        url: The URL that was logged into.
        variable: The environment variable that may name it; the path of a request at its end does not count.
        name: What its host begins with, as in ``"iam"``.

    Raises:
        IBMAccountError: If what the variable names is no URL, or plain HTTP to another machine.
    """
    given = _REQUEST_PATH.sub("", clean(os.environ.get(variable) or ""))
    if not given:
        return beside(url, name)
    if is_loopback(host_of(url)) and not is_loopback(host_of(given)):
        # All of what is on this machine is here, wherever else the variable leads.
        return beside(url, name)
    if not is_allowed(given) or not host_of(given):
        raise IBMAccountError(
            f"expected the variable {variable} to be a URL with https://, or with http:// to this machine; "
            "correct it, or unset it"
        )
    return given


def beside(url: str, name: str) -> str:
    """Return the URL of another service of the same cloud; on this machine they are all in one.

    It is below the host of the URL, whose owner gave the URL; only of IBM's hosts is the root known.

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
        return f"{parts.scheme}://{parts.netloc}{_PATHS.get(name, '')}"
    path = "/api/v1" if name == "globalcatalog" else ""
    return f"{parts.scheme}://{name}.{parts.netloc}{path}"
