"""Run the official clients, unmodified, against the local service, our job on their clients, and libraries on ours.

Each has an environment of its own in ``.peers``, which ``make conformance`` sets up. Prints how many checks of each
pass; the exit code is 1 if any does not. Names of suites as arguments choose among them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path
from typing import Any

from attrs import frozen
from qiskit_aer import AerSimulator
from same_counts import DEVICES, SEED, SHOTS, SIGMAS, apart, circuits

from ibm_circuit_job import IBMBackend, IBMProvider
from ibm_circuit_job.local import LocalService
from ibm_circuit_job.local.device_noise import noise_model

sys.path[1:1] = [str(Path(__file__).parents[1] / name) for name in ("clients/log_in", "contract", "shared")]

from cloud_server import CloudServer  # noqa: E402 - found in the folders above
from observed import read_down, side_by_side  # noqa: E402 - the same
from table import ROWS  # noqa: E402 - the same

ROOT = Path(__file__).parents[2]
SECONDS = 900.0
"""How long the checks of one suite may take."""
SHOTS_OF_AER = 5000
"""The shots of each circuit that Aer counts for a comparison."""
TOKEN_SECONDS = 4
"""How long a token of the strict service holds."""


@frozen
class Suite:
    """Checks that run in one environment."""

    package: str
    """The package that the environment is for."""
    environment: str
    """Its folder in ``.peers``."""
    path: str
    """The tests, in ``tests/conformance``."""
    of_client: bool = False
    """Whether the package is an official client, which needs services of every kind and counts for the comparison."""
    sets_up_accounts: bool = False
    """Whether its log-in is tried in every set-up of the table in ``tests/clients/log_in``."""


SUITES = {
    "provider": Suite("qiskit-ibm-provider", "provider", "provider", of_client=True),
    "runtime": Suite("qiskit-ibm-runtime", "runtime", "runtime", of_client=True, sets_up_accounts=True),
    "primitives": Suite("qiskit-ibm-runtime", "runtime", "libraries/test_primitives.py"),
    "experiments": Suite("qiskit-experiments", "experiments", "libraries/test_experiments.py"),
    "pennylane": Suite("PennyLane-qiskit", "pennylane", "libraries/test_pennylane.py"),
    "mthree": Suite("mthree", "mthree", "libraries/test_mthree.py"),
    "mitiq": Suite("mitiq", "mitiq", "libraries/test_mitiq.py"),
}


def checked(name: str, counts: Path) -> bool:
    """Run the checks of one suite, and print how many pass."""
    suite = SUITES[name]
    began = time.monotonic()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="conformance-"))
        services = services_of(suite, Path(folder))
        for service in services.values():
            stack.enter_context(service)
        summary = Path(folder) / "summary.json"
        cloud = stack.enter_context(CloudServer([row.cloud for row in ROWS])) if suite.sets_up_accounts else None
        code = ran(
            suite,
            services_of_cloud(services["plain"])
            | {
                "HOME": folder,  # No account that its user has saved is of any effect.
                "CONFORMANCE_SERVICES": json.dumps({name: where(service) for name, service in services.items()}),
                "CONFORMANCE_SUMMARY": str(summary),
                "CONFORMANCE_COUNTS": str(counts),
                "CONFORMANCE_PACKAGE": suite.package,
                **(
                    {}
                    if cloud is None
                    else where_cloud_is(cloud, Path(folder)) | {"ACCOUNTS_SEEN": str(seen_by(counts))}
                ),
            },
        )
        counted = json.loads(summary.read_text(encoding="utf-8")) if summary.exists() else {}
    passed, failed = counted.get("passed", 0), counted.get("failed", 0) + counted.get("error", 0)
    took = time.monotonic() - began
    versions = counted.get("versions", suite.package)
    print(f"{name} ({versions}): {passed} checks passed, {failed} failed, in {took:.0f} s", flush=True)
    return code == 0 and passed > 0


def services_of(suite: Suite, folder: Path) -> dict[str, LocalService]:
    """Return the services that a suite runs against, not yet started; *folder* is for files that they need."""
    if not suite.of_client:
        # With a seed, statistics that pass once pass until the next calibration, which is the next day's.
        return {"plain": LocalService(seed=SEED)}
    return {
        "plain": LocalService(),
        "strict": LocalService(
            rate_limit=3,
            results_at_url=1,
            token_seconds=TOKEN_SECONDS,
            workers=1,
            instances=[{"name": "local", "plan": "Open", "limit_seconds": 36_000}],
        ),
        "seeded": LocalService(seed=SEED, workers=1),
        "given": LocalService(seed=SEED, workers=1, devices=["local_simulator", given_files(folder)]),
    }


def given_files(folder: Path) -> list[Path]:
    """Return files of a device that is like one of IBM's, of which qubit 3 does not work."""
    backends = next((ROOT / ".peers" / "runtime").glob("lib*/python3*/site-packages/qiskit_ibm_runtime/fake_provider"))
    paths = []
    for kind in ("conf", "props"):
        document = json.loads((backends / "backends" / "fez" / f"{kind}_fez.json").read_text("utf-8"))
        document["backend_name"] = "ibm_given"
        if kind == "props":
            document["qubits"][3].append(
                {"name": "operational", "value": 0, "unit": "", "date": "2024-01-01T00:00:00Z"}
            )
        paths.append(folder / f"{kind}.json")
        paths[-1].write_text(json.dumps(document), encoding="utf-8")
    return paths


def services_of_cloud(service: LocalService) -> dict[str, str]:
    """Return the variables that lead to the services around the API. A check gives its account itself."""
    return {name: url for name, url in service.environment.items() if not name.startswith("QISKIT_IBM_")}


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


def where_cloud_is(cloud: CloudServer, folder: Path) -> dict[str, str]:
    """Return the variable that leads a client to the cloud of the set-ups."""
    authority = folder / "authority.pem"
    authority.write_bytes(cloud.authority.cert_pem.bytes())
    found = {"proxy": cloud.proxy_url, "ports": cloud.ports, "authority": str(authority)}
    return {"CONFORMANCE_CLOUD": json.dumps(found)}


def seen_by(counts: Path) -> Path:
    """Return the file in which a suite writes down what its client did in each set-up."""
    return counts.with_suffix(".accounts")


def compared_log_ins(theirs: Path) -> bool:
    """Try our log-in in the same set-ups, and print what both clients did."""
    seen = theirs.with_name("ours.accounts")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/clients/test_first_log_in.py"]
    code = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"ACCOUNTS_SEEN": str(seen)}, timeout=SECONDS, check=False
    )
    print("\n".join(side_by_side(read_down(seen), read_down(theirs))))
    return code.returncode == 0


def ran(suite: Suite, wanted: dict[str, str]) -> int:
    """Run the checks of one suite in its environment, and return the exit code."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("QISKIT", "PYTEST", "PYTHON"))}
    python = ROOT / ".peers" / suite.environment / "bin" / "python"
    command = [python, "-m", "pytest", "-q", "-c", "tests/conformance/pytest.ini", f"tests/conformance/{suite.path}"]
    try:
        return subprocess.run(command, cwd=ROOT, env=own | wanted, timeout=SECONDS, check=False).returncode
    except subprocess.TimeoutExpired:
        print(f"{suite.package}: given up after {SECONDS:g} seconds")
        return -1


def our_counts(device: IBMBackend) -> Any:
    """Count with our own client, as JSON has it."""
    job = device.run(circuits(device.name), shots=SHOTS, rep_delay=0.0)
    return job.result(timeout=300).get_counts()


def counts_of_aer(device: IBMBackend) -> Any:
    """Count with Aer itself, with the noise that a device says it has."""
    properties = device.properties()
    assert properties is not None
    simulator = AerSimulator(noise_model=noise_model(properties.to_dict()))
    return simulator.run(circuits(device.name), shots=SHOTS_OF_AER, seed_simulator=SEED).result().get_counts()


def counted_here(name: str, service: LocalService) -> dict[str, Any]:
    """Count on a device with our own client in both dialects, and with Aer."""
    with (
        IBMProvider(service.token, service.url) as legacy,
        IBMProvider(service.token, service.platform_url, instance=service.instance) as platform,
    ):
        return {
            "ours, legacy": our_counts(legacy.get_backend(name)),
            "ours, platform": our_counts(platform.get_backend(name)),
            "Aer": counts_of_aer(platform.get_backend(name)),
        }


def counted_alike(files: list[Path]) -> bool:
    """Compare on each device what every client and every primitive counted, with what our own client and Aer count.

    The programs that take the circuits as they are count the same to the last shot; others within 5 sigma.
    """
    found = []
    with LocalService(seed=SEED) as service:
        for name in DEVICES:
            counts = counted_here(name, service)
            written = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.exists()]
            counts |= {way: each for of in written for way, each in of.get(name, {}).items()}
            worst = max(apart(one, other) for one, other in combinations(counts.values(), 2))
            same = [way for way, each in counts.items() if each == counts["ours, platform"]]
            alike = worst <= SIGMAS and all(file.exists() for file in files)
            print(
                f"20 circuits on {name}, seeded, counted in {len(counts)} ways: "
                f"{'alike' if alike else 'NOT alike'} within {worst:.1f} sigma; to the last shot: {', '.join(same)}"
            )
            found.append(alike)
    return all(found)


def main() -> int:
    """Run it all, and return the exit code."""
    wanted = sys.argv[1:] or list(SUITES)
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        counts = {name: Path(folder) / f"{name}.json" for name in wanted}
        holds = [checked(name, counts[name]) for name in wanted]
        if of_clients := [counts[name] for name in wanted if SUITES[name].of_client]:
            holds.append(counted_alike(of_clients))
        holds += [compared_log_ins(seen_by(counts[name])) for name in wanted if SUITES[name].sets_up_accounts]
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
