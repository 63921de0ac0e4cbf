"""The values that qiskit's ``Result`` has, but that are missing in the body of a sampler's or executor's result."""

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
    """The values of the parameters: an array whose last axis is over the parameters; ``None`` without parameters."""


@frozen(eq=False)
class ResultContext:
    """The values of a job that its result needs and that come from other replies."""

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
        """Return how a circuit was submitted; an empty ``Binding`` if that is not known."""
        return self.bindings[index] if index < len(self.bindings) else Binding()
