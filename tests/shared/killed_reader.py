"""A program that reads the results of private jobs into a store, in processes that are killed meanwhile.

It is told its orders line by line, as JSON, and starts a process for each. An order names the ``store``, the settings
of the ``account``, and the job:

    {"job_id": ..., "after": 17}      killed (SIGKILL) at its 17th boundary: whenever a function of the effects, the
                                      clients or the store begins or ends, and before and after each call that reaches
                                      the network or the database
    {"job_id": ..., "at": "answered"} killed when it has come so far, see below
    {"job_id": ..., "seconds": 0.02}  killed from outside after so long
    {"job_id": ...}                   left alone; the answer is how many boundaries it came by

and answers with one line each: {"killed": true or false, "boundaries": ..., "came_to": ...,
"open": the number of boundaries from "asked" to "synced"}. How far it came is

    "started"   before it sent the request for the result
    "asked"     from just before it sent the request
    "answered"  from when the client's function has returned the last byte of the result
    "synced"    from when the store's next synced transaction has ended
"""

import json
import os
import signal
import sys
import threading
import time
from importlib import import_module

from ibm_circuit_job import IBMProvider, JobStore
from ibm_circuit_job.wire.replies import read_result_location

MODULES = ("ibm_circuit_job.effects", "ibm_circuit_job.clients", "ibm_circuit_job.store", "ibm_circuit_job.job.stored")
READING = {("ibm_circuit_job.clients.runtime", "job_results"), ("ibm_circuit_job.clients.object_store", "read")}
"""The functions that read a result, by module and name."""
WRITING = ("ibm_circuit_job.store.database", "write")
"""The function that writes to the store in one transaction, by module and name."""
LOADED_LATER = (
    *("clients.account_file", "clients.oldest_jobs", "job.result_reader", "job.result_waiter", "job.saved_job"),
    *("job.waiter", "wire.oldest_replies", "wire.qobj", "wire.results.decoding", "wire.results.experiments"),
)
"""What the first read of a result imports: each process would do so anew."""
REACHING_OUT = {"recv", "recv_into", "send", "sendall", "connect", "execute", "executemany", "commit", "close"}


class Boundaries:
    """Counts the boundaries that a process comes by, and kills it at one of them."""

    def __init__(self, after, at, tells):
        self.after, self.at, self.tells, self.count = after, at, tells, 0
        self.came_to, self.reads = "started", False

    def __call__(self, frame, event, argument):
        name, module = frame.f_code.co_name, frame.f_globals.get("__name__", "")
        if event.startswith("c_"):
            called = getattr(argument, "__name__", "")
            is_boundary = called in REACHING_OUT
        else:
            called, is_boundary = "", module.startswith(MODULES)
        if is_boundary:
            self.count += 1
            if self.count == self.after:
                os.kill(os.getpid(), signal.SIGKILL)
        if called in {"send", "sendall"} and event == "c_call" and self.reads:
            self.come_to("asked")
        is_written = event == "return" and (module, name) == WRITING
        if is_written and frame.f_locals["how"].name != "SOON" and self.came_to == "answered":
            self.come_to("synced")
        if event in {"call", "return"} and (module, name) in READING:
            self.reads = event == "call"
            if event == "return" and self.came_to == "asked":
                # The URL of a result is not the result.
                is_result = isinstance(argument, bytes) and read_result_location(argument) is None
                self.come_to("answered" if is_result else "started")

    def come_to(self, place):
        """Tell how far it came; what was told outlives the process."""
        self.came_to = place
        os.write(self.tells, f"{place} {self.count}\n".encode())
        if place == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def read(order, tells):
    """Read one result, as a user's program does."""
    with JobStore(order["store"]) as store:
        provider = IBMProvider(**order["account"], store=store)
        boundaries = Boundaries(order.get("after"), order.get("at"), tells)
        # Of all threads: the result is read in one of its own.
        threading.setprofile(boundaries)
        sys.setprofile(boundaries)
        provider.retrieve_job(order["job_id"]).result()
        threading.setprofile(None)
        sys.setprofile(None)
        provider.close()
    return boundaries.count


def carry_out(order):
    """Have a process read one result, and return how that went."""
    told, tells = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os.write(tells, b"ended %d\n" % read(order, tells))
        os._exit(0)
    os.close(tells)
    if "seconds" in order:
        signal.sigtimedwait({signal.SIGCHLD}, order["seconds"])
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with os.fdopen(told) as answer:
        lines = [("started", "0"), *(line.split() for line in answer)]
    came = {place: int(count) for place, count in lines}
    return {
        "killed": os.WIFSIGNALED(status),
        "failed": os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0,
        "boundaries": came.get("ended", 0),
        "came_to": [place for place, _ in lines if place != "ended"][-1],
        "open": came.get("synced", 0) - came.get("asked", 0),
        "took": time.monotonic() - began,
    }


def main():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    for module in LOADED_LATER:
        import_module(f"ibm_circuit_job.{module}")
    for line in sys.stdin:
        print(json.dumps(carry_out(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
