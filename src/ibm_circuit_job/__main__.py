"""``python -m ibm_circuit_job``: the command ``ibm-circuit-job``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; without the extra ``cli``, exit with a message that says what to install."""
    try:
        from ibm_circuit_job import cli  # noqa: PLC0415 - needs the extra ``cli``
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("ibm_circuit_job"):
            raise
        sys.exit(f"error: the command ibm-circuit-job needs {missing.name}: install ibm-circuit-job[cli,local]")
    except KeyboardInterrupt:
        # Ctrl-C during the imports, which may take seconds: no command has begun.
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
