"""Decodes and checks the parameters of a job, and the error that refuses them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from returns.result import Success

from ibm_circuit_job.errors import describe
from ibm_circuit_job.wire import typed_json

if TYPE_CHECKING:
    from pydantic import BaseModel

    Model = TypeVar("Model", bound=BaseModel)

NOT_FOR_THIS_BACKEND: Final = 1517
"""The reason code of a job that the backend cannot run."""
_MOST_ERRORS: Final = 3
"""The most errors in the parameters that one message names."""


class CannotRun(Exception):  # noqa: N818 - named for what it says
    """The job cannot run on the backend; the message says why."""


def decoded(params: bytes, field: str) -> Mapping[str, Any]:
    """Return the parameters of a job, decoded to circuits, arrays and other objects.

    Args:
        params: The parameters, as JSON.
        field: The name of a field that the parameters must have.

    Raises:
        CannotRun: If they cannot be read, or the field is missing.
    """
    read = typed_json.decode(params, "params")
    if not isinstance(read, Success):
        raise CannotRun(describe(read.failure()))
    submitted: Any = read.unwrap()
    if not isinstance(submitted, Mapping) or field not in submitted:
        raise CannotRun(f"Expected params with a field {field!r}, which is missing.")
    return submitted


def plain(params: bytes) -> dict[str, Any]:
    """Return the parameters of a job as plain JSON values.

    Raises:
        CannotRun: If they are no JSON object.
    """
    try:
        return msgspec.json.decode(params, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise CannotRun(f"params: {error}") from None


def checked(model: type[Model], body: object) -> Model:
    """Return the parameters of a job as a model of ``ibm_quantum_schemas``.

    Args:
        model: The class of the model.
        body: The parameters, as plain JSON values.

    Raises:
        CannotRun: If they do not fit the model. The message names the fields, as in ``options.default_shots``.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - it takes long to import

    try:
        return model.model_validate(body)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False, include_context=False)
        named = [f"{_path(each['loc'])}: {each['msg']}" for each in errors[:_MOST_ERRORS]]
        if len(errors) > _MOST_ERRORS:
            named.append(f"and {len(errors) - _MOST_ERRORS} more")
        raise CannotRun("; ".join(named)) from None


def _path(location: tuple[int | str, ...]) -> str:
    """Return the path of a field, as in ``quantum_program.items[0].shape``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".") or "params"
