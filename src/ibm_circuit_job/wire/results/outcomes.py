"""Outcomes of shots as arrays of bytes: numpy reads them from hexadecimal JSON, counts them, and writes them as texts.

*Rows* are an array of type uint8 and shape ``(outcomes, bytes)``. Each row is one outcome, the most significant byte
first, as in qiskit's ``BitArray``. No function makes a Python object for each shot, except for those that return a list
of texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any, Final

import msgspec
import numpy as np
from attrs import frozen

_QUOTE, _COLON, _COMMA, _BRACKET, _BRACE, _SPACE = b'":,[{ '
_NO_DIGIT: Final = 255
_ROWS_AT_ONCE: Final = 2000
"""How many outcomes are decoded at once. The indices of their digits need 64 times the memory of the outcomes."""
_HEXADECIMAL: Final = b"0123456789abcdefABCDEF"
_value: Final = msgspec.json.Decoder()
_MOST_DECIMALS: Final = 18
"""The most digits of a count that are decoded here. A longer count is decoded by Python."""


def _digit_values() -> Any:
    values = np.full(256, _NO_DIGIT, np.uint8)
    for digits in (b"0123456789abcdef", b"0123456789ABCDEF"):
        values[np.frombuffer(digits, np.uint8)] = np.arange(16)
    return values


_DIGIT_VALUES: Final = _digit_values()


@frozen
class Layout:
    """How qiskit writes an outcome: its number of bits, and the registers that it separates by spaces."""

    slots: int
    """How many bits an outcome has."""
    registers: tuple[int, ...] = ()
    """The bits of each classical register, the lowest first; their sum is ``slots``. Empty for no spaces."""

    @property
    def width(self) -> int:
        """How many bytes an outcome has."""
        return (self.slots + 7) // 8


def layout_of(header: Mapping[str, Any]) -> Layout | None:
    """Return the layout for the header of an experiment; ``None`` if qiskit does not write plain bits for it.

    Example:
        >>> layout_of({"memory_slots": 3, "creg_sizes": [["a", 1], ["b", 2]]})
        Layout(slots=3, registers=(1, 2))
        >>> layout_of({"memory_slots": 3, "creg_sizes": [["a", 1]]}) is None
        True
    """
    slots, registers = header.get("memory_slots"), header.get("creg_sizes") or ()
    if type(slots) is not int or slots < 1 or not isinstance(registers, Sequence):
        return None
    sizes = []
    for register in registers:
        if not isinstance(register, Sequence) or len(register) != 2:
            return None
        sizes.append(register[1])
    if any(type(size) is not int or size < 0 for size in sizes) or (sizes and sum(sizes) != slots):
        return None
    return Layout(slots, tuple(sizes))


# Reading


def of_list(text: Any, layout: Layout) -> Any | None:
    """Return the rows of a JSON list of outcomes in hexadecimal.

    Args:
        text: The JSON, as an object with a buffer. It must be a well-formed list.
        layout: The layout, of which the number of bits is used.

    Returns:
        The rows; ``None`` if an item is not plain hexadecimal, or has more bits.

    Example:
        >>> of_list(b'["0x1", "0xA"]', Layout(4)).tolist()
        [[1], [10]]
        >>> of_list(b'["0x1", "0x10"]', Layout(4)) is None
        True
    """
    characters = np.frombuffer(text, np.uint8)
    starts, ends = _quoted(characters)
    if np.count_nonzero(characters == _BRACKET) != 1 or np.any(characters == _BRACE):
        return None
    if not len(starts):
        return _no_rows(layout) if not bytes(text).strip(b"[] \t\r\n") else None
    if np.count_nonzero(characters == _COMMA) != len(starts) - 1:
        return None
    return _of_digits(characters, starts, ends, layout)


def of_counts(text: Any, layout: Layout) -> tuple[Any, Any] | None:
    """Return the rows and the counts of a JSON object from outcomes in hexadecimal to whole numbers.

    Args:
        text: The JSON, as an object with a buffer. It must be a well-formed object.
        layout: The layout, of which the number of bits is used.

    Returns:
        The rows, and an array of type int64 with the count of each; ``None`` if the object has any other entry.

    Example:
        >>> rows, counts = of_counts(b'{"0x1": 20, "0xa":3}', Layout(4))
        >>> rows.tolist(), counts.tolist()
        ([[1], [10]], [20, 3])
    """
    characters = np.frombuffer(text, np.uint8)
    starts, ends = _quoted(characters)
    if not len(starts):
        return _no_rows(layout), np.zeros(0, np.int64)
    colons = np.flatnonzero(characters == _COLON)
    # Each number ends before a comma; the last one ends before the brace.
    stops = np.append(np.flatnonzero(characters == _COMMA), len(characters) - 1)
    if not len(colons) == len(stops) == len(starts) or not np.all((ends < colons) & (colons < stops)):
        return None
    counts = _decimals(characters, colons, stops)
    rows = _of_digits(characters, starts, ends, layout)
    return None if counts is None or rows is None else (rows, counts)


def few_counts(text: Any, layout: Layout) -> dict[str, int] | None:
    """Return the counts by outcome as bits, of a short JSON object: for a few hundred outcomes numpy takes longer.

    Args:
        text: As for :func:`of_counts`.
        layout: The layout, with at most one register.

    Returns:
        The counts; ``None`` if the object has any other entries than plain hexadecimal of these bits and integers.

    Example:
        >>> few_counts(b'{"0x1": 20, "0xa":3}', Layout(4))
        {'0001': 20, '1010': 3}
    """
    counts = _value.decode(text)
    listed = "".join(f",{name}" for name in counts)
    # Each outcome must begin with 0x, and have only digits after that.
    if listed.count(",0x") != len(counts) or listed.encode().translate(None, _HEXADECIMAL) != b",x" * len(counts):
        return None
    if not counts or {*map(type, counts.values())} != {int}:
        return None if counts else {}
    try:
        numbers = [*map(int, counts, repeat(16))]
    except ValueError:
        return None
    if max(numbers) >> layout.slots:
        return None
    return dict(zip(map(format, numbers, repeat(f"0{layout.slots}b")), counts.values(), strict=True))


def _no_rows(layout: Layout) -> Any:
    return np.zeros((0, layout.width), np.uint8)


def _quoted(characters: Any) -> tuple[Any, Any]:
    """The indices of the quotes that open a text, and of those that close it."""
    quotes = np.flatnonzero(characters == _QUOTE)
    return quotes[::2], quotes[1::2]


def _decimals(characters: Any, colons: Any, stops: Any) -> Any | None:
    """The numbers between colons and stops; ``None`` if there is anything but digits."""
    begins = colons + 1 + (characters[colons + 1] == _SPACE)
    lengths = stops - begins
    if lengths.min() < 1 or lengths.max() > _MOST_DECIMALS:
        return None
    totals = np.zeros(len(stops), np.int64)
    for place in range(lengths.max()):
        is_within = place < lengths
        digits = np.where(is_within, _DIGIT_VALUES[characters[stops - 1 - place]], 0)
        if digits.max() > 9:
            return None
        totals += digits.astype(np.int64) * 10**place
    return totals


def _of_digits(characters: Any, starts: Any, ends: Any, layout: Layout) -> Any | None:
    """The rows of the texts between quotes; ``None`` if a text is not hexadecimal of at most these bits."""
    lengths = ends - starts - 3
    most = (layout.slots + 3) // 4
    if lengths.min() < 1 or lengths.max() > most:
        return None
    if not np.all((characters[starts + 1] == ord("0")) & (characters[starts + 2] == ord("x"))):
        return None
    digits = np.zeros((len(starts), 2 * layout.width), np.uint8)
    steps = np.arange(most, 0, -1)
    for first in range(0, len(starts), _ROWS_AT_ONCE):
        block = slice(first, first + _ROWS_AT_ONCE)
        # Columns before the first digit of a number have other characters, which are set to zero.
        found = _DIGIT_VALUES[characters.take(ends[block, None] - steps, mode="clip")]
        digits[block, -most:] = np.where(steps > lengths[block, None], 0, found)
    if digits.max() == _NO_DIGIT or digits[:, -most].max() >> (layout.slots - 4 * (most - 1)):
        return None
    return digits[:, ::2] << 4 | digits[:, 1::2]


# Tallying


def tallied(rows: Any) -> tuple[Any, Any, Any]:
    """Return the distinct rows in ascending order, the index of each row in them, and the count of each distinct row.

    Example:
        >>> import numpy as np
        >>> different, places, counts = tallied(np.array([[2], [1], [2]], np.uint8))
        >>> different.tolist(), places.tolist(), counts.tolist()
        ([[1], [2]], [1, 0, 1], [1, 2])
    """
    keys = _keys(rows)
    _, first, places, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    return rows[first], places, counts


def counted(rows: Any) -> tuple[Any, Any]:
    """Return the distinct rows in ascending order, and the count of each.

    Example:
        >>> import numpy as np
        >>> different, counts = counted(np.array([[2], [1], [2]], np.uint8))
        >>> different.tolist(), counts.tolist()
        ([[1], [2]], [1, 2])
    """
    keys = _keys(rows)
    different, counts = np.unique(keys, return_counts=True)
    if different.dtype.kind == "V":
        return different.view(np.uint8).reshape(len(different), rows.shape[1]), counts
    found = different.astype(">u8").view(np.uint8).reshape(len(different), 8)
    return found[:, 8 - rows.shape[1] :], counts


def _keys(rows: Any) -> Any:
    """One sortable value for each row: an integer if a row has at most eight bytes, else the bytes."""
    count, width = rows.shape
    if width > 8:
        return np.ascontiguousarray(rows).view(f"V{width}").ravel()
    padded = np.zeros((count, 8), np.uint8)
    padded[:, 8 - width :] = rows
    return padded.view(">u8").ravel().astype(np.uint64)


# Writing


def bit_texts(rows: Any, layout: Layout) -> list[str]:
    """Return rows as qiskit writes them: the highest bit first, with spaces between registers.

    Example:
        >>> import numpy as np
        >>> bit_texts(np.array([[5], [2]], np.uint8), Layout(3, (1, 2)))
        ['10 1', '01 0']
    """
    bits = np.unpackbits(rows, axis=1)[:, 8 * layout.width - layout.slots :]
    bits += ord("0")
    if len(layout.registers) > 1:
        bits = np.insert(bits, np.cumsum(layout.registers[:0:-1]), _SPACE, axis=1)
    size = bits.shape[1]
    text = bits.tobytes().decode("ascii")
    return [text[start : start + size] for start in range(0, len(text), size)]


def hexadecimal(rows: Any) -> list[str]:
    """Return rows in hexadecimal, in the form of Python's ``hex()``.

    Example:
        >>> import numpy as np
        >>> hexadecimal(np.array([[0, 5], [1, 2]], np.uint8))
        ['0x5', '0x102']
    """
    count, width = rows.shape
    if width <= 8:
        return [*map(hex, _keys(rows).tolist())]
    text = rows.tobytes().hex()
    size = 2 * width
    return ["0x" + (text[start : start + size].lstrip("0") or "0") for start in range(0, count * size, size)]
