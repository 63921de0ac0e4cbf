"""Why a job failed, by the text of its result."""

from datetime import UTC, datetime

import pytest

from ibm_circuit_job import ResultPayload
from ibm_circuit_job.wire.results import error_in


def reason_in(text):
    return error_in(ResultPayload(datetime(2024, 2, 3, tzinfo=UTC), text.encode()))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("qiskit.JobError: 'Too many shots.'", "Too many shots."),
        ("JobError: 'It's late.'\n", "It's late."),
        ("JobError: 'first' and more", "first"),
        ('log\nTraceback (most recent call last):\n  File "x"\nValueError: no', None),
        ("all went well", None),
        ("", None),
    ],
)
def test_reason_is_what_the_error_says(text, reason):
    expected = text[text.index("Traceback") :] if reason is None and "Traceback" in text else reason
    assert reason_in(text) == expected


def test_long_reason_is_cut_and_keeps_its_end():
    assert reason_in(f"JobError: '{'x' * 20_000}'") == "x" * 10_000
    cut = reason_in("Traceback" + "x" * 20_000 + "end")
    assert len(cut) == 10_000
    assert cut.endswith("end")
