"""InstanceSearch: finds the instances of an account in IBM Cloud, and the plans of these instances."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

import msgspec
from attrs import frozen
from returns.result import Success

from ibm_circuit_job.clients.http import HttpSession, RequestFailed
from ibm_circuit_job.clients.instances import Instance, read_plan, read_search
from ibm_circuit_job.errors import is_answer

_logger: Final = logging.getLogger(__name__)

_PAGE_SIZE: Final = 100
_FIELDS: Final = ("crn", "service_plan_unique_id", "name", "doc", "tags")
_MOST_PAGES: Final = 1000


@frozen
class InstanceSearch:
    """A client of IBM Cloud's global search and global catalog. It caches nothing.

    Source: ``POST /v3/resources/search`` of the global search, ``GET /{id}`` of the global catalog.
    """

    http: HttpSession
    """The session that sends the requests."""
    search_url: str
    """The URL of the global search."""
    catalog_url: str
    """The URL of the global catalog."""

    def instances(self, headers: Mapping[str, str]) -> list[Instance]:
        """Return all instances that the account may see, without their plans. Some may have no allocation.

        All pages of the search are read, up to the page without a cursor. A page without new instances ends the search,
        too, since a cursor may lead to the same page again.

        Args:
            headers: The authentication headers.

        Raises:
            RequestFailed: If the search refused or could not be reached, or its reply cannot be read.
        """
        found: dict[str, Instance] = {}
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            search = {"query": "service_name:quantum-computing", "fields": _FIELDS}
            answer = self.http.request(
                "find the account's instances",
                "POST",
                f"{self.search_url}/v3/resources/search",
                headers=headers,
                query={"limit": _PAGE_SIZE},
                body=msgspec.json.encode(search if cursor is None else search | {"search_cursor": cursor}),
            )
            read = read_search(answer.content)
            if not isinstance(read, Success):
                raise RequestFailed(read.failure())
            page = read.unwrap()
            fresh = {each.crn: each for each in page.instances if each.crn not in found}
            found |= fresh
            cursor = page.cursor
            if cursor is None or not fresh:
                break
        return list(found.values())

    def plans(self, plan_ids: Iterable[str], headers: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        """Return the name and the pricing type of plans, by their IDs. Each different plan costs one request.

        Both are ``"unknown"`` if the catalog has archived the plan (403 or 404), or its entry cannot be read.

        Args:
            plan_ids: The IDs of the plans.
            headers: The authentication headers.
        """
        return {plan: read_plan(self._entry(plan, headers)) for plan in dict.fromkeys(plan_ids)}

    def _entry(self, plan: str, headers: Mapping[str, str]) -> bytes | None:
        url = f"{self.catalog_url}/{quote(plan, safe='')}"
        try:
            return self.http.request("read a plan of the catalog", "GET", url, headers=headers).content
        except RequestFailed as error:
            if not is_answer(error.failure, 403, 404):
                _logger.warning("Could not read plan %s of the catalog: %s", plan, error)
            return None
