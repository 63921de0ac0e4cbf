"""What a result of bits does not say, and qiskit's ``Result`` holds."""

from __future__ import annotations

from typing import Any

from attrs import frozen


@frozen(eq=False)
class Binding:
    """How one circuit was submitted."""

    registers: tuple[str, ...] = ()
    """The names of its classical registers, in its order."""
    parameters: tuple[str, ...] = ()
    """The names of its parameters, in its order."""
    values: Any = None
    """Their values: an array whose last axis is over the parameters; ``None`` where it has none."""


@frozen(eq=False)
class ResultContext:
    """What was learned of a job elsewhere."""

    job_id: str | None = None
    """The job's ID."""
    backend: str | None = None
    """The backend's name."""
    names: tuple[str, ...] = ()
    """The names of the circuits, in their order."""
    bindings: tuple[Binding, ...] = ()
    """How they were submitted, in their order."""

    def name(self, index: int) -> str:
        """Return the name of a circuit."""
        return self.names[index] if index < len(self.names) else f"circuit-{index}"

    def binding(self, index: int) -> Binding:
        """Return how a circuit was submitted, as far as it is known."""
        return self.bindings[index] if index < len(self.bindings) else Binding()
