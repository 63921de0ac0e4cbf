"""The rewriting of a program, loaded when it is first used: it takes half a second in each worker."""


def migrated(*given, **named):
    from ibm_circuit_job.cli.migration import rewriting  # noqa: PLC0415 - loads libcst

    return rewriting.migrated(*given, **named)


def migrated_notebook(*given, **named):
    from ibm_circuit_job.cli.migration import notebooks  # noqa: PLC0415 - the same

    return notebooks.migrated_notebook(*given, **named)
