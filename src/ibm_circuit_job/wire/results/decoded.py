"""DecodedResult: qiskit's ``Result``, extended for JSON and for circuits with several sets of parameters."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from qiskit import QuantumCircuit
from qiskit.result import Result as QiskitResult
from qiskit.result.models import ExperimentResult, ExperimentResultData, MeasLevel

from ibm_circuit_job.wire import execution_spans, typed_json
from ibm_circuit_job.wire.results import lazy_data
from ibm_circuit_job.wire.results.late import DamagedExperimentError


class DecodedResult(QiskitResult):
    """The ``Result`` of a job: qiskit's class, with two differences.

    - ``to_dict()`` returns plain JSON values, so ``json.dumps(result.to_dict())`` works with any metadata. Arrays
      become lists, complex numbers ``[real, imaginary]``, times ISO 8601, execution spans their times and sizes.
    - A circuit that was run with several sets of parameters has several experiments of one name. ``get_counts()`` and
      ``get_memory()`` of that circuit return a list with one entry for each set, in C order; qiskit returns only the
      first entry. The header of each experiment has ``pub_index``, ``pub_shape``, ``index`` and ``parameters``.

    Example:
        >>> result = DecodedResult.from_dict(
        ...     {"backend_name": "b", "job_id": "a", "success": True, "results": [], "noise": 1j}
        ... )
        >>> result.to_dict()["noise"]
        [0.0, 1.0]
    """

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except TypeError:
            # qiskit 1 requires two more arguments.
            super().__init__(**{"backend_version": None, "qobj_id": fields.get("job_id"), **fields})

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        self._complete()
        plain: dict[str, Any] = plain_json(super().to_dict())
        return plain

    def __repr__(self) -> str:
        self._complete()
        return str(super().__repr__())

    def __reduce_ex__(self, protocol: Any) -> Any:
        self._complete()
        return super().__reduce_ex__(protocol)

    def data(self, experiment: Any = None) -> Any:
        """Return the data of an experiment as qiskit does."""
        one = chosen(self, experiment)
        if one is not None and isinstance(one.data, lazy_data.LazyData):
            self._read(one, one.data.to_dict)
        return super().data(experiment)

    def get_counts(self, experiment: Any = None) -> Any:
        """Return the counts of an experiment as qiskit does; a list for a circuit with several sets of parameters."""
        if experiment is None:
            listed = [self.get_counts(number) for number in range(len(self.results))]
            return listed[0] if len(listed) == 1 else listed
        sets = self._sets_of(experiment)
        if sets is not None:
            return [self.get_counts(number) for number in sets]
        one = chosen(self, experiment)
        found = None if one is None else self._read(one, lambda: lazy_data.counts_of(one.data, header_of(one)))
        return super().get_counts(experiment) if found is None else found

    def get_memory(self, experiment: Any = None) -> Any:
        """Return the outcome of each shot as qiskit does; a list for a circuit with several sets of parameters."""
        sets = self._sets_of(experiment)
        if sets is not None:
            return [self.get_memory(number) for number in sets]
        one = chosen(self, experiment)
        if one is None or one.meas_level != MeasLevel.CLASSIFIED:
            return super().get_memory(experiment)
        found = self._read(one, lambda: lazy_data.memory_of(one.data, header_of(one)))
        return super().get_memory(experiment) if found is None else found

    def _repr_html_(self) -> str:
        """Return HTML for a notebook: the counts of the first circuits."""
        from ibm_circuit_job.views.html import result_html  # noqa: PLC0415 - loaded with the first HTML
        from ibm_circuit_job.wire.results.shown import result_view  # noqa: PLC0415

        return result_html(result_view(self))

    def _complete(self) -> None:
        """Decode all data that are not decoded yet."""
        for experiment in self.results or ():
            data = getattr(experiment, "data", None)
            if isinstance(data, lazy_data.LazyData):
                self._read(experiment, data.to_dict)

    def _read(self, experiment: ExperimentResult, read: Callable[[], Any]) -> Any:
        """Return what *read* returns; ``None`` if the data are damaged, which marks the experiment as failed."""
        try:
            return read()
        except DamagedExperimentError as error:
            experiment.shots, experiment.success, experiment.status = 0, False, error.message
            experiment.data = ExperimentResultData()
            self.success = False
            return None

    def _sets_of(self, experiment: Any) -> list[int] | None:
        """The indices of the experiments of a circuit with several sets of parameters; ``None`` for any other."""
        name = experiment.name if isinstance(experiment, QuantumCircuit) else experiment
        if not isinstance(name, str):
            return None
        headers = [header_of(experiment) for experiment in self.results]
        named = [number for number, header in enumerate(headers) if header.get("name") == name]
        if len(named) < 2:
            return None
        pub = headers[named[0]].get("pub_index")
        sets = [number for number in named if headers[number].get("pub_index") == pub]
        return sets if pub is not None and len(sets) > 1 else None


def chosen(result: QiskitResult, experiment: Any) -> ExperimentResult | None:
    """Return the experiment that qiskit would choose; ``None`` if qiskit would warn or raise.

    Args:
        result: The result.
        experiment: An index, a name, a circuit, or ``None`` for the only one.
    """
    if experiment is None and len(result.results) == 1:
        experiment = 0
    name = experiment.name if isinstance(experiment, QuantumCircuit) else experiment
    found: list[ExperimentResult] = []
    if isinstance(name, int):
        found = result.results[name : name + 1 or None]
    elif isinstance(name, str):
        found = [each for each in result.results if header_of(each).get("name") == name]
    return found[0] if len(found) == 1 and getattr(found[0], "success", False) else None


def header_of(experiment: Any) -> Mapping[str, Any]:
    """Return the header of an experiment as a mapping. In qiskit 1 it is an object with attributes."""
    header = getattr(experiment, "header", None)
    if isinstance(header, Mapping):
        return header
    return {} if header is None else header.to_dict()


def plain_json(value: Any) -> Any:  # noqa: PLR0911 - one for each type
    """Return a value as plain JSON: dictionaries, lists, texts, numbers, booleans and ``None``.

    Example:
        >>> from datetime import UTC, datetime
        >>> import numpy as np
        >>> plain_json({"a": np.arange(2), "b": 1j, 3: {datetime(2024, 2, 3, tzinfo=UTC)}})
        {'a': [0, 1], 'b': [0.0, 1.0], '3': ['2024-02-03T00:00:00+00:00']}
    """
    if value is None or type(value) in {str, int, float, bool}:
        return value
    if isinstance(value, Mapping):
        return {str(name): plain_json(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain_json(part) for part in value]
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (str, int, float)):
        # A subclass of these types, such as an enumeration, or numpy's float64.
        return next(kind(value) for kind in (str, int, float) if isinstance(value, kind))
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return plain_json(value.tolist())
    if execution_spans.is_execution_spans(value):
        return execution_spans.plain(value)
    try:
        return json.loads(typed_json.encode(value))
    except (TypeError, ValueError):
        return repr(value)
