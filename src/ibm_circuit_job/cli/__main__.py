"""``python -m ibm_circuit_job.cli``: the command ``ibm-circuit-job``."""

from ibm_circuit_job.cli.command import main

if __name__ == "__main__":
    main()
