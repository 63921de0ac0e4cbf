"""Inject each fault into our client and into the official ones, unmodified, and write the table of docs/reliability.md.

Arguments choose among the faults by a part of their names; then the rows of the others stay as they are. The exit code
is 1 if something else came of a fault with our own client than may. Each attempt is a process with a limit of time and
of memory, against a local service behind a proxy that does the harm.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests/shared"))

from faulty_proxy import FaultyProxy  # noqa: E402 - it needs that path
from machine_faults import FAULTS as MACHINE_FAULTS  # noqa: E402 - as above
from server_faults import FAULTS as SERVER_FAULTS  # noqa: E402 - as above

from ibm_circuit_job.local import LocalService  # noqa: E402 - as above

PEERS = Path(os.environ.get("PEERS", ROOT / ".peers"))
CLIENTS = {
    "ours": Path(sys.executable),
    "ours_today": Path(sys.executable),
    "runtime": PEERS / "runtime/bin/python",
    "provider": PEERS / "provider/bin/python",
}
LISTENING = {"ours"}
"""The clients that open a websocket; the official ones poll."""
COLUMNS = {"ours": ("ours", "ours_today"), "qiskit-ibm-runtime": ("runtime",), "qiskit-ibm-provider": ("provider",)}
REPEATS = int(os.environ.get("TROUBLE_REPEATS", "3"))
"""How often a fault strikes each kind of request of each client."""
SECONDS = 90.0
"""After so long an attempt has hung; a job takes less than a second, and three where a websocket is listened to."""
MOST_BYTES = 1_000_000_000
"""More memory than this no attempt may use."""
ROOM = {"IBM_CIRCUIT_JOB_MOST_RESULT_BYTES": "200000000", "IBM_CIRCUIT_JOB_STORE": "none"}
"""A setting of ours: the bound of results by default is above what an attempt may use."""
LONG = 10.0
"""From how many seconds on the table tells the longest attempt."""
AT_ONCE = 8
DOCUMENT = ROOT / "docs/reliability.md"
BEGIN, END = "<!-- begin: written by make trouble -->", "<!-- end: written by make trouble -->"


def environment(home):
    """Variables for a child; no account that a user has saved is of any effect."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("QISKIT", "PYTHON"))}
    return own | {"HOME": str(home)}


class ServerTrouble:
    """Runs the faults of a server."""

    def __init__(self, service, home):
        self._service, self._home = service, home
        # Attempts that may each use a gigabyte do not go side by side with those of another fault.
        self._large = threading.Lock()

    def found(self, client, fault):
        """Return what came of each attempt, or ``None`` where the fault does not concern the client."""
        places = [place for place in fault.places if place != "stream" or client in LISTENING]
        if not places:
            return None
        with self._large if fault.is_large else nullcontext(), ExitStack() as ending:
            proxies = []
            for place in places * REPEATS:
                proxies.append(FaultyProxy(self._port, place, fault))
                ending.callback(proxies[-1].close)
            order = {"seconds": SECONDS, "most_bytes": MOST_BYTES}
            order["attempts"] = [self._where(proxy, fault) for proxy in proxies]
            ran = subprocess.run(
                [CLIENTS[client], "-W", "ignore", HERE / "customer.py", client],
                input=json.dumps(order),
                env=environment(self._home) | _source(client),
                stdout=subprocess.PIPE,
                text=True,
                timeout=10 * SECONDS,
                check=True,
            )
            outcomes = json.loads(ran.stdout.splitlines()[-1])
            print(f"{client}: {fault.name}: {told(outcomes)}", file=sys.stderr, flush=True)
            return [self._judged(*pair) for pair in zip(outcomes, proxies, strict=True)]

    @property
    def _port(self):
        return int(self._service.environment["IAM_URL"].rpartition(":")[2])

    def _where(self, proxy, fault):
        root = self._service.environment["IAM_URL"]
        moved = {name: value.replace(root, proxy.url) for name, value in self._service.environment.items()}
        return {
            "url": self._service.url.replace(root, proxy.url),
            "platform_url": self._service.platform_url.replace(root, proxy.url),
            "instance": self._service.instance,
            "token": self._service.token,
            "environment": moved | ROOM,
            "takes_time": "stream" in fault.places,
        }

    def _judged(self, outcome, proxy):
        secret = ("authorization:", "x-access-token:")
        if any(line.lower().startswith(secret) for head in proxy.elsewhere.heads for line in head.split("\r\n")):
            outcome["outcome"] = "token sent to the other host"
        elif any(line.lower().startswith("x-injected:") for head in proxy.heads for line in head.split("\r\n")):
            outcome["outcome"] = "header injected"
        elif not proxy.struck:
            outcome["outcome"] = "not met"
        return outcome


def _source(client):
    """The official clients' environments have a package of ours as well, which they need not."""
    return {"PYTHONPATH": os.environ.get("PYTHONPATH", str(ROOT / "src"))} if client.startswith("ours") else {}


def machine_found(fault, number, home):
    """Return what came of one attempt, or of the many of one process."""
    command = [sys.executable, HERE / "machine_faults.py", fault.__name__, str(number)]
    try:
        ran = subprocess.run(
            command,
            env=environment(home) | _source("ours"),
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return [{"outcome": "hung", "said": ""}]
    except subprocess.CalledProcessError as failed:
        return [{"outcome": "raw error", "error": "exit", "said": failed.stderr[-4000:]}]
    return json.loads(ran.stdout.splitlines()[-1])


def told(outcomes):
    """What came of it, in a cell: the outcomes by how often, and which errors."""
    if outcomes is None:
        return "-"
    counted = Counter(
        f"{each['outcome']} `{each['error']}`"
        if each["outcome"].endswith("error") and "error" in each
        else f"**{each['outcome']}**"
        if each["outcome"] not in {"right", "clear error", "not met", "in flight"}
        else each["outcome"]
        for each in outcomes
    )
    words = sorted(counted, key=lambda word: (not word.startswith("right"), -counted[word]))
    longest = max(each.get("seconds", 0.0) for each in outcomes)
    return "; ".join(f"{counted[word]} {word}" for word in words) + (f"; {longest:.0f} s" if longest >= LONG else "")


class Table:
    """What was tried, and what came of it."""

    def __init__(self):
        self.rows, self.broken = [], []

    def add(self, name, by_column, may):
        """Add a row; an outcome of ours that may not be is noted."""
        ours = by_column["ours"] or []
        wrong = [each for each in ours if each["outcome"] not in may]
        if wrong:
            self.broken.append((name, wrong))
        tried = ", ".join(str(len(each)) if each else "-" for each in by_column.values())
        self.rows.append((name, tried, *map(told, by_column.values())))


def run(wanted):
    """Run what is wanted, and return the table."""
    table = Table()
    chosen = lambda name: not wanted or any(part in name for part in wanted)  # noqa: E731 - it has no more to say
    server_faults = [fault for fault in SERVER_FAULTS if chosen(fault.name)]
    machine_faults = [fault for fault in MACHINE_FAULTS if chosen(fault.row)]
    with (
        tempfile.TemporaryDirectory(prefix="trouble-") as home,
        LocalService(seed=1) as service,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        trouble = ServerTrouble(service, home)
        found = {
            (fault.name, client): pool.submit(trouble.found, client, fault)
            for fault in server_faults
            for client in CLIENTS
        }
        machine = {
            fault: [pool.submit(machine_found, fault, number, home) for number in range(fault.runs)]
            for fault in machine_faults
        }
        for fault in server_faults:
            by_column = {}
            for column, clients in COLUMNS.items():
                each = [found[fault.name, client].result() for client in clients]
                by_column[column] = [outcome for some in each for outcome in some or ()] or None
            table.add(fault.name, by_column, fault.may)
            print(" | ".join(table.rows[-1]), flush=True)
        for fault, runs in machine.items():
            outcomes = [outcome for some in runs for outcome in some.result()]
            table.add(fault.row, dict.fromkeys(COLUMNS) | {"ours": outcomes}, fault.may)
            print(" | ".join(table.rows[-1]), flush=True)
    return table


def write(rows):
    """Put rows into the table of the document: in the place of those of the same faults, others stay as they are."""
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    written, _, after = rest.partition(END)
    lines = [line for line in written.splitlines() if line.startswith("| ")][2:]
    known = {row[0]: row for row in (tuple(line.strip("| ").split(" | ")) for line in lines)} | {
        row[0]: row for row in rows
    }
    names = [*(fault.name for fault in SERVER_FAULTS), *(fault.row for fault in MACHINE_FAULTS)]
    there = [known[name] for name in names if name in known]
    heads = ("fault", "attempts", *COLUMNS)
    table = ["| " + " | ".join(heads) + " |", "| " + " | ".join("---" for _ in heads) + " |"]
    table += ["| " + " | ".join(row) + " |" for row in there]
    tried = zip(*(row[1].split(", ") for row in there), strict=True)
    counts = [sum(int(cell) for cell in cells if cell != "-") for cells in tried]
    total = ", ".join(f"{count:,} with {column}" for count, column in zip(counts, COLUMNS, strict=True))
    text = "\n".join((*table, "", f"Attempts in all: {total}."))
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def main():
    began = time.monotonic()
    table = run(sys.argv[1:])
    write(table.rows)
    for name, wrong in table.broken:
        for each in wrong[:3]:
            print(f"MAY NOT BE: {name}: {each['outcome']}\n{each.get('said', '')[-3000:]}", flush=True)
    print(f"{time.monotonic() - began:.0f} s")
    return 1 if table.broken else 0


if __name__ == "__main__":
    sys.exit(main())
