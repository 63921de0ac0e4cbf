"""``python -m ibm_circuit_job``: the command ``ibm-circuit-job``, or what it needs to be one."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, where its extra is installed."""
    try:
        from ibm_circuit_job import cli  # noqa: PLC0415 - it may not be there
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("ibm_circuit_job"):
            raise
        sys.exit(f"error: the command ibm-circuit-job needs {missing.name}: install ibm-circuit-job[cli,local]")
    except KeyboardInterrupt:
        # To import all of it may take seconds, in which no command has begun.
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
