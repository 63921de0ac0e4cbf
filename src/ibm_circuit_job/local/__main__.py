"""The entry of the service's process, when :class:`~ibm_circuit_job.local.LocalService` starts it.

Settings come as one line of JSON on standard input, so that the token stands in no list of processes. One line
of JSON on standard output says where the service is, or why it is not. Standard input stays open as a lifeline:
when it closes, the program that started the service is gone, and the service stops. Where that program executes the
jobs, these and their answers are further lines (:mod:`.relay`).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import partial

import msgspec
from attrs import asdict

from ibm_circuit_job.local.executor import ExecutorUnavailable
from ibm_circuit_job.local.faults import FaultPlan
from ibm_circuit_job.local.given_devices import Documents, devices_of
from ibm_circuit_job.local.instances import read_instances
from ibm_circuit_job.local.records import RecordsUnavailable
from ibm_circuit_job.local.relay import RELAYED, Relay
from ibm_circuit_job.local.server import PortUnavailable, ServerSettings, Started, bound_socket, serve


def _say(**said: str | dict[str, str]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


def _started(where: Started, stop: Callable[[], None], relay: Relay) -> None:
    def watch() -> None:
        try:
            relay.read_answers(sys.stdin.buffer)
        finally:
            stop()

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
    _say(**asdict(where), page_url=where.page_url, environment=where.environment)


def main() -> int:
    """Run the service; return the exit code."""
    given = msgspec.json.decode(sys.stdin.buffer.readline(), type=dict)
    documents = msgspec.json.decode(msgspec.json.encode(given["devices"]), type=list[Documents] | None)
    relay = Relay(sys.stdout.buffer)
    settings = ServerSettings(
        **given
        | {
            "faults": msgspec.convert(given["faults"], FaultPlan),
            "allowed_hosts": tuple(given["allowed_hosts"]),
            "devices": None if documents is None else tuple(devices_of(documents)),
            "instances": read_instances(given["instances"]),
            "withdrawn_versions": tuple(given["withdrawn_versions"]),
            "executor": relay.submit if given["executor"] == RELAYED else given["executor"],
        }
    )
    try:
        serve(settings, bound_socket(settings.host, settings.port), partial(_started, relay=relay))
    except (PortUnavailable, RecordsUnavailable, ExecutorUnavailable) as error:
        _say(error=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
