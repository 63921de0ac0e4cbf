"""Run the official clients, unmodified, against the local service, and our job on top of their clients.

Each has an environment of its own in ``.peers``, which ``make conformance`` sets up. Prints how many checks of each
pass; the exit code is 1 if any does not. Names of clients as arguments choose among them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from same_counts import SEED, SHOTS, circuits

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.local import LocalService

ROOT = Path(__file__).parents[2]
CLIENTS = {"provider": "qiskit-ibm-provider 0.11.0", "runtime": "qiskit-ibm-runtime 0.51.0"}
SECONDS = 600.0
"""How long the checks of one client may take."""
TOKEN_SECONDS = 4
"""How long a token of the strict service holds."""


def checked(client: str, counts: Path) -> bool:
    """Run the checks of one client, and say how many hold."""
    began = time.monotonic()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="conformance-"))
        services = {
            "plain": LocalService(),
            "strict": LocalService(rate_limit=3, results_at_url=1, token_seconds=TOKEN_SECONDS, workers=1),
            "seeded": LocalService(seed=SEED, workers=1),
        }
        for service in services.values():
            stack.enter_context(service)
        summary = Path(folder) / "summary.json"
        code = ran(
            client,
            services["plain"].environment
            | {
                "HOME": folder,  # No account that its user has saved is of any effect.
                "CONFORMANCE_SERVICES": json.dumps({name: where(service) for name, service in services.items()}),
                "CONFORMANCE_SUMMARY": str(summary),
                "CONFORMANCE_COUNTS": str(counts),
            },
        )
        counted = json.loads(summary.read_text(encoding="utf-8")) if summary.exists() else {}
    passed, failed = counted.get("passed", 0), counted.get("failed", 0) + counted.get("error", 0)
    took = time.monotonic() - began
    print(f"{CLIENTS[client]}: {passed} checks passed, {failed} failed, in {took:.0f} s", flush=True)
    return code == 0 and passed > 0


def where(service: LocalService) -> dict[str, object]:
    """Return what a client needs to know of a service."""
    return {
        "url": service.url,
        "platform_url": service.platform_url,
        "instance": service.instance,
        "token": service.token,
        "token_seconds": TOKEN_SECONDS,
        "environment": service.environment,
    }


def ran(client: str, wanted: dict[str, str]) -> int:
    """Run the checks of one client in its environment, and return the exit code."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("QISKIT", "PYTEST", "PYTHON"))}
    python = ROOT / ".peers" / client / "bin" / "python"
    command = [python, "-m", "pytest", "-q", "-c", "tests/conformance/pytest.ini", f"tests/conformance/{client}"]
    try:
        return subprocess.run(command, cwd=ROOT, env=own | wanted, timeout=SECONDS, check=False).returncode
    except subprocess.TimeoutExpired:
        print(f"{CLIENTS[client]}: given up after {SECONDS:g} seconds")
        return -1


def our_counts(**account: Any) -> Any:
    """Count with our own client, as JSON has it."""
    device = IBMProvider(**account).get_backend("local_5q")
    return device.run(circuits(), shots=SHOTS, rep_delay=0.0).result(timeout=120).get_counts()


def counted_alike(files: list[Path]) -> bool:
    """Compare what the official clients counted with what our own counts, in both dialects."""
    with LocalService(seed=SEED) as service:
        os.environ |= service.environment
        counts = [
            our_counts(token=service.token, url=service.url),
            our_counts(
                channel="ibm_quantum_platform",
                token=service.token,
                url=service.platform_url,
                instance=service.instance,
            ),
        ]
    counts += [json.loads(file.read_text(encoding="utf-8")) if file.exists() else None for file in files]
    alike = all(each == counts[0] for each in counts)
    print(f"20 circuits on a seeded device, counted in {len(counts)} ways: {'alike' if alike else 'NOT alike'}")
    return alike


def main() -> int:
    """Run it all, and return the exit code."""
    wanted = sys.argv[1:] or list(CLIENTS)
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        counts = {client: Path(folder) / f"{client}.json" for client in wanted}
        holds = [checked(client, counts[client]) for client in wanted]
        holds.append(counted_alike(list(counts.values())))
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
