"""The main program of the service's process, which :class:`~ibm_circuit_job.local.LocalService` starts.

The settings are one line of JSON on standard input, so that no list of processes shows the token. The reply is one
line of JSON on standard output: the URLs of the service, or why it cannot start. Standard input stays open as a
lifeline: when it closes, the program that started the service has ended, and the service stops. If that program
executes the jobs, further lines are jobs and their outcomes (:mod:`.relay`).
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


def _write_line(**fields: str | dict[str, str]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(fields) + b"\n")
    sys.stdout.buffer.flush()


def _started(where: Started, stop: Callable[[], None], relay: Relay) -> None:
    def stop_at_end_of_input() -> None:
        try:
            relay.read_answers(sys.stdin.buffer)
        finally:
            stop()

    threading.Thread(target=stop_at_end_of_input, name="lifeline", daemon=True).start()
    _write_line(**asdict(where), page_url=where.page_url, environment=where.environment)


def main() -> int:
    """Run the service until it stops, and return the exit code: 1 if it could not start, otherwise 0."""
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
        _write_line(error=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
