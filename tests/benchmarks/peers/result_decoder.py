"""How long an official client takes for the first counts of a result, and for all: two numbers, in seconds of CPU time.

Run as ``python result_decoder.py PROGRAM FILE`` in the environment of that client.
"""

import json
import sys
import time
from pathlib import Path

ROUNDS = 3


def classic(text):
    """What qiskit-ibm-provider does with the body of a classic result."""
    from qiskit.result import Result  # noqa: PLC0415 - one of the clients alone is there
    from qiskit_ibm_provider.utils.json import RuntimeDecoder  # noqa: PLC0415 - one of the clients alone is there

    result = Result.from_dict(json.loads(text, cls=RuntimeDecoder))
    return lambda: result.get_counts(0), result.get_counts


def sampler(text):
    """What qiskit-ibm-runtime does with the body of a sampler's result."""
    from qiskit_ibm_runtime.decoders.result_decoder import ResultDecoder  # noqa: PLC0415 - one of the clients alone is there

    result = ResultDecoder.decode(text)
    return result[0].data.meas.get_counts, lambda: [pub.data.meas.get_counts() for pub in result]


def executor(text):
    """What qiskit-ibm-runtime does with the body of an executor's result, whose bits are counted as a sampler's are."""
    from qiskit.primitives.containers import BitArray  # noqa: PLC0415 - one of the clients alone is there
    from qiskit_ibm_runtime.decoders.executor.decoder import ExecutorResultDecoder  # noqa: PLC0415 - one of the clients alone is there

    result = ExecutorResultDecoder.decode(text)

    def counts(item):
        return BitArray.from_bool_array(item["meas"], "little").get_counts()

    return lambda: counts(result[0]), lambda: [counts(item) for item in result]


def main(program, file):
    """Print the fastest of some rounds."""
    text, found = Path(file).read_text(), []
    for _ in range(ROUNDS):
        began = time.process_time()
        first, every = globals()[program](text)
        first()
        after_first = time.process_time()
        every()
        found.append((after_first - began, time.process_time() - began))
    print(json.dumps([min(times) for times in zip(*found, strict=True)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
