"""Run with the environment of qiskit-ibm-provider: how long its decoder takes for a job reply, in microseconds."""

import statistics
import sys
import timeit
import warnings

warnings.simplefilter("ignore")

import json  # noqa: E402

from qiskit_ibm_provider.utils.json import RuntimeDecoder  # noqa: E402

reply = sys.stdin.read()
timer = timeit.Timer(lambda: json.loads(reply, cls=RuntimeDecoder))
print(statistics.median(timer.repeat(repeat=100, number=1000)) / 1000 * 1e6)
