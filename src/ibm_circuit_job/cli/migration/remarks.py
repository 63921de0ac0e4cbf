"""Remarks about the lines of a rewritten program."""

from __future__ import annotations

from attrs import frozen


@frozen(order=True)
class Remark:
    """A remark about one line of the program. Lines are counted before the change."""

    line: int
    """The number of the line, from 1; in a notebook, within its cell."""
    text: str
    """The remark."""
    is_left: bool = True
    """Whether the line must be changed by hand. If not, it was changed, and its meaning differs from before."""
    cell: int | None = None
    """The cell of a notebook, from 1; ``None`` in a program."""

    @property
    def place(self) -> str:
        """The place of the line in its file.

        Example:
            >>> Remark(3, "pulses").place, Remark(3, "pulses", cell=2).place
            ('3', 'cell 2, line 3')
        """
        return str(self.line) if self.cell is None else f"cell {self.cell}, line {self.line}"


@frozen
class Migrated:
    """A rewritten text, and the remarks about its lines."""

    text: str
    remarks: tuple[Remark, ...] = ()
