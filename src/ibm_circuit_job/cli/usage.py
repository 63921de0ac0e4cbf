"""``ibm-circuit-job usage``: the quantum time that the saved jobs have cost, and what is left of the plan."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from ibm_circuit_job.cli import terminal
from ibm_circuit_job.cli.services import Account, Choice, InstanceOption, Services, Url
from ibm_circuit_job.cli.shown import iso
from ibm_circuit_job.cli.stores import Store, read_store
from ibm_circuit_job.cli.terminal import Column
from ibm_circuit_job.errors import IBMAccountError
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.views import words
from ibm_circuit_job.wire.instance_usage import InstanceUsage


class By(StrEnum):
    """The groups of a sum of usage."""

    TAG = "tag"
    BACKEND = "backend"
    DAY = "day"
    INSTANCE = "instance"


def usage(
    by: Annotated[By, typer.Option(help="The groups of the sums; days are in UTC.")] = By.TAG,
    offline: Annotated[bool, typer.Option("--offline", help="Do not request the limit from the service.")] = False,
    account: Account = None,
    url: Url = None,
    instance: InstanceOption = None,
    store: Store = None,
    as_json: terminal.JsonObject = False,
) -> None:
    """Sum the seconds of quantum time that the saved jobs have cost, and show what is left of the plan.

    A job with several tags counts for each tag. The limit is the limit of the instance on IBM Quantum Platform.

    Example: ibm-circuit-job usage --by backend
    """
    choice = Choice(account, url, instance)
    with read_store(store) as opened, Services(choice) as services:
        sums = {} if opened is None else opened.usage(by=by.value)
        expected = 0.0 if opened is None else sum(_expected_seconds(record) for record in opened.unfinished())
        plan = None if offline else _plan(services, must_be_there=choice.is_made)
    if as_json:
        terminal.show_json(
            {
                "by": by.value,
                "seconds": dict(sums),
                "expected_seconds": expected,
                "plan": None if plan is None else _document(plan),
            }
        )
        return
    rows = [{by.value: name or f"no {by.value}", "usage": words.seconds(seconds)} for name, seconds in sums.items()]
    if rows:
        terminal.show_table((Column(by.value, rank=1, least=8), Column("usage")), rows)
    else:
        terminal.note("No charged jobs.")
    if expected:
        terminal.note(f"Jobs that have not ended are expected to take {words.seconds(expected)} more.")
    if plan is not None:
        terminal.note(_in_words(plan))


def _expected_seconds(record: Job) -> float:
    """The service's estimate of the quantum time of a job; 0 if there is none."""
    return (record.details and record.details.usage_estimate) or 0.0


def _plan(services: Services, *, must_be_there: bool) -> InstanceUsage | None:
    """The usage of the instance; ``None`` if it cannot be read and the options choose no account."""
    try:
        return services.chosen().usage()
    except IBMAccountError:
        if must_be_there:
            raise
        return None


def _document(plan: InstanceUsage) -> dict[str, Any]:
    return {
        "consumed_seconds": plan.consumed_seconds,
        "limit_seconds": plan.limit_seconds,
        "allocation_seconds": plan.allocation_seconds,
        "remaining_seconds": plan.remaining_seconds,
        "period_start": iso(plan.period_start),
        "period_end": iso(plan.period_end),
        "limit_reached": plan.limit_reached,
    }


def _in_words(plan: InstanceUsage) -> str:
    """The usage and the rest of a plan, in a sentence."""
    used = "unknown" if plan.consumed_seconds is None else words.seconds(plan.consumed_seconds)
    most = plan.allocation_seconds if plan.limit_seconds is None else plan.limit_seconds
    of = "" if most is None else f" of {words.seconds(most)}"
    left = "" if plan.remaining_seconds is None else f", {words.seconds(plan.remaining_seconds)} left"
    until = "" if plan.period_end is None else f", until {words.in_zone(plan.period_end, None)}"
    return f"The instance has used {used}{of} in this period{left}{until}."
