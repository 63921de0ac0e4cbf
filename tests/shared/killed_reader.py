"""A program that reads the results of private jobs into a store, in processes that are killed meanwhile.

It is told its orders line by line, as JSON, and starts a process for each:

    {"job_id": ..., "after": 17}      killed (SIGKILL) at its 17th boundary: whenever a function of the effects, the
                                      clients or the store begins or ends, and before and after each call that reaches
                                      the network or the database
    {"job_id": ..., "seconds": 0.02}  killed from outside after so long
    {"job_id": ...}                   left alone; the answer is how many boundaries it came by

and answers with one line each: {"killed": true or false, "boundaries": ...}.
"""

import json
import os
import signal
import sys
import threading
import time

from ibm_circuit_job import IBMProvider, JobStore

MODULES = ("ibm_circuit_job.effects", "ibm_circuit_job.clients", "ibm_circuit_job.store")
REACHING_OUT = {"recv", "recv_into", "send", "sendall", "connect", "execute", "executemany", "commit", "close"}


class Boundaries:
    """Counts the boundaries that a process comes by, and kills it at one of them."""

    def __init__(self, after):
        self.after, self.count = after, 0

    def __call__(self, frame, event, argument):
        if event.startswith("c_"):
            is_boundary = getattr(argument, "__name__", "") in REACHING_OUT
        else:
            is_boundary = frame.f_globals.get("__name__", "").startswith(MODULES)
        if is_boundary:
            self.count += 1
            if self.count == self.after:
                os.kill(os.getpid(), signal.SIGKILL)


def read(settings, order):
    """Read one result, as a user's program does."""
    with JobStore(settings["store"]) as store:
        provider = IBMProvider(**settings["account"], store=store)
        boundaries = Boundaries(order.get("after"))
        # Of all threads: the result is read in one of its own.
        threading.setprofile(boundaries)
        sys.setprofile(boundaries)
        provider.retrieve_job(order["job_id"]).result()
        threading.setprofile(None)
        sys.setprofile(None)
        provider.close()
    return boundaries.count


def carry_out(settings, order):
    """Have a process read one result, and return how that went."""
    told, tells = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os.write(tells, b"%d" % read(settings, order))
        os._exit(0)
    os.close(tells)
    if "seconds" in order:
        signal.sigtimedwait({signal.SIGCHLD}, order["seconds"])
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with os.fdopen(told) as answer:
        count = answer.read()
    return {
        "killed": os.WIFSIGNALED(status),
        "failed": os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0,
        "boundaries": int(count or 0),
        "took": time.monotonic() - began,
    }


def main():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    settings = json.loads(sys.stdin.readline())
    for line in sys.stdin:
        print(json.dumps(carry_out(settings, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
