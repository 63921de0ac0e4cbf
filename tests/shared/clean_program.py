"""The program of the clean process: it calls a function for each line that it reads, and prints what it returns.

A line is JSON: the name of a module beside this file, that of a function in it, and its arguments.
"""

import gc
import json
import sys
from importlib import import_module


def main():
    for line in sys.stdin:
        module, function, arguments = json.loads(line)
        work = getattr(import_module(module), function)
        # Forks do not look through what is loaded by now, and so share its memory.
        gc.freeze()
        print(json.dumps(work(*arguments)), flush=True)


if __name__ == "__main__":
    main()
