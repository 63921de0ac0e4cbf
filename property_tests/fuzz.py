"""Throw damaged replies, frames and archives at their readers: ``python property_tests/fuzz.py MINUTES [SEED]``.

Not collected by pytest, for it takes as long as it is told to. It stops at the first exception that is none of the
documented ones, at a body that takes over two seconds, and at a process that grows beyond a gigabyte; the seed and the
bytes are then printed.
"""

import random
import resource
import sys
import time
from collections import Counter

from fuzz_bodies import damaged, seeds
from fuzz_targets import Archives, Calls, Readers, Streams

MOST_SECONDS = 2.0
"""How long all readers together may take for one body, which may decompress to 50 MB for each of them."""
MOST_KILOBYTES = 1_000_000
EVERY = {Readers: 1, Calls: 20, Streams: 20, Archives: 100}
"""Every how many bodies each of them gets one."""


def main(minutes, seed):
    chance = random.Random(seed)
    good, targets = seeds(), {kind: kind() for kind in EVERY}
    until = time.monotonic() + 60 * minutes
    number, slowest, counts = 0, 0.0, Counter()
    while time.monotonic() < until:
        number += 1
        body = damaged(chance, chance.choice(good), good)
        for kind, target in targets.items():
            if number % EVERY[kind]:
                continue
            began = time.process_time()
            try:
                target.run(chance, body)
            except BaseException:
                print(f"{kind.__name__}, seed {seed}, body {number}: {body[:2000]!r}")
                raise
            counts[kind.__name__] += 1
            took = time.process_time() - began
            slowest = max(slowest, took)
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            if took > MOST_SECONDS or grown > MOST_KILOBYTES:
                sys.exit(f"{kind.__name__}, seed {seed}, body {number}: {took:.2f} s, {grown} kB: {body[:2000]!r}")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tried = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    print(f"{minutes:g} minutes, seed {seed}: {tried}; none raised what is not documented")
    print(f"the slowest took {slowest:.3f} s; at most {grown // 1024} MB")


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6))
