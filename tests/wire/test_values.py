"""One value of a document: what is read, and what is said of what cannot be."""

from datetime import UTC, datetime

import pytest

from ibm_circuit_job.wire import values

READ = [
    (values.text_of, "a", "a"),
    (values.text_of, "a\ud800é", "a\ufffdé"),
    (values.text_of, "é", "é"),
    (values.text_of, datetime(2024, 2, 3, tzinfo=UTC), "2024-02-03T00:00:00+00:00"),
    (values.number_of, "1.5", 1.5),
    (values.integer_of, "3", 3),
    (values.integer_of, 3.0, 3),
    (values.flag_of, "True", True),
    (values.flag_of, False, False),
    (values.code_of, "007", 7),
    (values.code_of, "E-7", "E-7"),
    (values.code_of, 7.0, 7),
    (values.code_of, None, None),
    (values.texts_of, ["a", "\ud800"], ("a", "\ufffd")),
    (values.object_of, {"a": 1}, {"a": 1}),
]
UNREAD = [
    (values.text_of, 3, "expected a string, got 3"),
    (values.number_of, True, "expected a finite number, got True"),
    (values.number_of, "x", "expected a number, got 'x'"),
    (values.number_of, 10**400, "expected a number, got 1000"),
    (values.number_of, float("inf"), "expected a finite number, got inf"),
    (values.integer_of, 3.5, "expected a whole number, got 3.5"),
    (values.flag_of, 1, "expected true or false, got 1"),
    (values.code_of, True, "expected an integer or a string, got True"),
    (values.texts_of, "a", "expected a list of strings, got 'a'"),
    (values.texts_of, ["a", 3], r"expected a list of strings, got 3 at \[1\]"),
    (values.object_of, [], r"expected an object, got \[\]"),
]


@pytest.mark.parametrize(("read", "value", "expected"), READ)
def test_value_is_read(read, value, expected):
    assert read(value, object) == expected


@pytest.mark.parametrize(("read", "value", "message"), UNREAD)
def test_value_that_cannot_be_read_is_shown(read, value, message):
    with pytest.raises((TypeError, ValueError), match=message):
        read(value, object)


def test_no_value_is_shown_at_any_length():
    assert len(values.shown("x" * 1000)) == 43
    assert values.shown(10**5000) == "a int that cannot be shown"
