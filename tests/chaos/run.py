"""The jobs and faults of the chaos test, through the official clients, unmodified, and through ours: one table.

Each official client has an environment of its own in ``.peers``. Names of clients as arguments choose among them.
The exit code is 1 if one of our own jobs did not end right.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from chaos_jobs import SEED, plan

from ibm_circuit_job.local import LocalService

ROOT = Path(__file__).parents[2]
JOBS = 200
SECONDS = 100.0
"""How long the jobs of one client may take; its program stops by itself before."""
CLIENTS = {
    "provider": ("qiskit-ibm-provider 0.11.0", ROOT / ".peers/provider/bin/python"),
    "runtime": ("qiskit-ibm-runtime 0.51.0", ROOT / ".peers/runtime/bin/python"),
    "ours": ("ours, Classic", Path(sys.executable)),
    "ours_today": ("ours, of today", Path(sys.executable)),
}
COLUMNS = ("right", "wrong", "wait raised", "hung", "result raised", "not submitted", "not finished")


def figures(client: str) -> dict[str, Any]:
    """Run the jobs of one client, and return what came of them."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as home, LocalService(seed=SEED, faults=plan()) as service:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("QISKIT", "PYTHON"))}
        where = {name: getattr(service, name) for name in ("url", "platform_url", "instance", "token")}
        command = [CLIENTS[client][1], "-W", "ignore", Path(__file__).with_name("customer.py"), client, str(JOBS)]
        try:
            ran = subprocess.run(
                command,
                input=json.dumps(where),
                # No account that its user has saved is of any effect.
                env=own | service.environment | {"HOME": home},
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=True,
            )
        except subprocess.CalledProcessError as failed:
            print(failed.stderr[-2000:], file=sys.stderr)
            raise
        with urllib.request.urlopen(f"{service.environment['IAM_URL']}/faults", timeout=10) as told:  # noqa: S310
            served = json.load(told)["served"]
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found | {"requests": sum(served.values())}


def main() -> int:
    """Run it all, print the table, and return the exit code."""
    wanted = sys.argv[1:] or list(CLIENTS)
    found = {}
    for client in wanted:
        found[client] = figures(client)
        print(f"{CLIENTS[client][0]}: {found[client]['raised']}", flush=True)
    heads = (f"of {JOBS} jobs", *COLUMNS, "submitted again", "read again", "seconds", "requests")
    print("| " + " | ".join(heads) + " |\n" + "| --- " * len(heads) + "|")
    for client, each in found.items():
        cells = [CLIENTS[client][0], *(each["outcomes"].get(column, 0) for column in COLUMNS)]
        cells += [each["again"].get(what, 0) for what in ("submission", "result")]
        cells += [f"{each['seconds']:.0f}", each["requests"]]
        print("| " + " | ".join(map(str, cells)) + " |")
    ours = [found[client] for client in wanted if client.startswith("ours")]
    return 0 if all(each["outcomes"].get("right") == JOBS for each in ours) else 1


if __name__ == "__main__":
    sys.exit(main())
