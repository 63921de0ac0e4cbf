"""``ibm-circuit-job usage``: the quantum time that jobs were charged for, against the limit of the plan."""

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
    """What usage is summed by."""

    TAG = "tag"
    BACKEND = "backend"
    DAY = "day"
    INSTANCE = "instance"


def usage(
    by: Annotated[By, typer.Option(help="What the seconds are summed by; days are in UTC.")] = By.TAG,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the service for the limit.")] = False,
    account: Account = None,
    url: Url = None,
    instance: InstanceOption = None,
    store: Store = None,
    as_json: terminal.JsonObject = False,
) -> None:
    """Sum the seconds of quantum time that the saved jobs were charged for, and show what is left of the plan.

    A job with several tags counts for each of them. The limit is that of the instance on IBM Quantum Platform.

    Example: ibm-circuit-job usage --by backend
    """
    choice = Choice(account, url, instance)
    with read_store(store) as opened, Services(choice) as services:
        sums = {} if opened is None else opened.usage(by=by.value)
        awaited = 0.0 if opened is None else sum(_expected(record) for record in opened.unfinished())
        plan = None if offline else _plan(services, must_be_there=choice.is_made)
    if as_json:
        terminal.show_json(
            {
                "by": by.value,
                "seconds": dict(sums),
                "expected_seconds": awaited,
                "plan": None if plan is None else _document(plan),
            }
        )
        return
    rows = [{by.value: name or f"no {by.value}", "usage": words.seconds(seconds)} for name, seconds in sums.items()]
    if rows:
        terminal.show_table((Column(by.value, rank=1, least=8), Column("usage")), rows)
    else:
        terminal.note("No charged jobs.")
    if awaited:
        terminal.note(f"Jobs that have not ended are expected to take {words.seconds(awaited)} more.")
    if plan is not None:
        terminal.note(_in_words(plan))


def _expected(record: Job) -> float:
    """The seconds that a job which has not ended is expected to take, as far as its service has said."""
    return (record.details and record.details.usage_estimate) or 0.0


def _plan(services: Services, *, must_be_there: bool) -> InstanceUsage | None:
    """What the instance has used; ``None`` where that cannot be read, and no account was chosen."""
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
    """What is left of a plan, in a sentence."""
    used = "unknown" if plan.consumed_seconds is None else words.seconds(plan.consumed_seconds)
    most = plan.allocation_seconds if plan.limit_seconds is None else plan.limit_seconds
    of = "" if most is None else f" of {words.seconds(most)}"
    left = "" if plan.remaining_seconds is None else f", {words.seconds(plan.remaining_seconds)} left"
    until = "" if plan.period_end is None else f", until {words.in_zone(plan.period_end, None)}"
    return f"The instance has used {used}{of} in this period{left}{until}."
