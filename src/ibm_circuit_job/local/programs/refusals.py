"""What a program refuses: the error, and the check of parameters against IBM's published models."""

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
"""The service's reason code for input that the backend cannot run."""
_MOST_ERRORS: Final = 3
"""How many errors of one body a reason names."""


class CannotRun(Exception):  # noqa: N818 - named for what it says
    """The job cannot run on the backend; the message says why."""


def decoded(params: bytes, field: str) -> Mapping[str, Any]:
    """Return parameters as objects: circuits, arrays, numbers.

    Args:
        params: The parameters, as the service's JSON.
        field: The field that must be there.

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
    """Return parameters as the JSON that they are.

    Raises:
        CannotRun: If they are no JSON object.
    """
    try:
        return msgspec.json.decode(params, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise CannotRun(f"params: {error}") from None


def checked(model: type[Model], body: object) -> Model:
    """Return parameters as one of the models of ``ibm_quantum_schemas``.

    Raises:
        CannotRun: If they do not fit; the message names each field, as in ``options.default_shots``.
    """
    # Only a worker has it, and only after its first job of such a program.
    from pydantic import ValidationError  # noqa: PLC0415 - costly

    try:
        return model.model_validate(body)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False, include_context=False)
        named = [f"{_path(each['loc'])}: {each['msg']}" for each in errors[:_MOST_ERRORS]]
        if len(errors) > _MOST_ERRORS:
            named.append(f"and {len(errors) - _MOST_ERRORS} more")
        raise CannotRun("; ".join(named)) from None


def _path(location: tuple[int | str, ...]) -> str:
    """The path of a field, as in ``quantum_program.items[0].shape``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".") or "params"
