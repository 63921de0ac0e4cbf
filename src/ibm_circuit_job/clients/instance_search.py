"""Asks IBM Cloud for the instances of an account: the search, to its last page, and the catalog, once for each plan."""

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

_PAGE: Final = 100
_FIELDS: Final = ("crn", "service_plan_unique_id", "name", "doc", "tags")
_MOST_PAGES: Final = 1000


@frozen
class InstanceSearch:
    """The search and the catalog of one cloud. Nothing is remembered between two calls.

    Source: ``POST /v3/resources/search`` of the global search, ``GET /{id}`` of the global catalog.
    """

    http: HttpSession
    """The connections to ask through."""
    search_url: str
    """The URL of the global search."""
    catalog_url: str
    """The URL of the global catalog."""

    def instances(self, headers: Mapping[str, str]) -> list[Instance]:
        """Return all instances that the account may see, without their plans, and those without an allocation, too.

        The search ends with the page that names no further one, or that brings nothing new: the same cursor may lead to
        page after page.

        Args:
            headers: What proves who we are.

        Raises:
            RequestFailed: If the search refused or could not be reached.
        """
        found: dict[str, Instance] = {}
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            asked = {"query": "service_name:quantum-computing", "fields": _FIELDS}
            answer = self.http.request(
                "find the account's instances",
                "POST",
                f"{self.search_url}/v3/resources/search",
                headers=headers,
                query={"limit": _PAGE},
                body=msgspec.json.encode(asked if cursor is None else asked | {"search_cursor": cursor}),
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
        """Return the name and pricing type of plans, by their IDs; one request for each different plan.

        A plan that the catalog has archived (403 or 404), or that cannot be read, is ``"unknown"``.

        Args:
            plan_ids: The plans.
            headers: What proves who we are.
        """
        return {plan: read_plan(self._entry(plan, headers)) for plan in dict.fromkeys(plan_ids)}

    def _entry(self, plan: str, headers: Mapping[str, str]) -> bytes | None:
        url = f"{self.catalog_url}/{quote(plan, safe='')}"
        try:
            return self.http.request("read a plan of the catalog", "GET", url, headers=headers).content
        except RequestFailed as error:
            if not is_answer(error.failure, 403, 404):
                _logger.warning("What plan an instance has is not known: %s", error)
            return None
