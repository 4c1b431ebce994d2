"""The checks that every task's types share. Each raises :class:`InvalidInput` naming the field."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, SupportsFloat, TypeGuard

from serving_contracts.errors import InvalidInput
from serving_contracts.limits import MAX_TEXT_CHARACTERS


def json_type(value: object) -> str:
    """What a JSON author would call the type of *value*."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, list | tuple):
        return "an array"
    if isinstance(value, dict):
        return "an object"
    return f"a Python {type(value).__name__}"


def an_object(value: object, *, what: str, hint: str) -> Mapping[str, Any]:
    """*value* as a JSON object."""
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{what} must be an object, not {json_type(value)}", hint=hint)
    return value


def only_fields(value: Mapping[str, Any], allowed: Iterable[str], *, hint: str) -> None:
    """Refuse a field that is not in *allowed*: a misspelt option must not be dropped in silence."""
    known = tuple(allowed)
    for name in value:
        if name not in known:
            shown = str(name)[:64].encode(errors="backslashreplace").decode()
            raise InvalidInput("is not a field of this request", field=shown, hint=hint)


def a_text(value: object, *, field: str, hint: str | None = None) -> str:
    """*value* as a text: not blank, at most ``MAX_TEXT_CHARACTERS`` characters, encodable as UTF-8."""
    text = a_string(value, field=field, hint=hint)
    if len(text) > MAX_TEXT_CHARACTERS:
        raise InvalidInput(
            f"has {len(text):,} characters; the limit is {MAX_TEXT_CHARACTERS:,}",
            field=field,
            hint="split it and send a request for each part",
        )
    if not text or text.isspace():
        raise InvalidInput("is empty" if not text else "holds white space only", field=field, hint=hint)
    return text


def one_text(fields: Mapping[str, Any], *, hint: str) -> str:
    """The field ``text``: a text, or an array of exactly one text."""
    if "text" not in fields:
        raise InvalidInput("is missing", field="text", hint=hint)
    text = fields["text"]
    if isinstance(text, list | tuple):
        if len(text) != 1:
            raise InvalidInput(
                f"holds {len(text)} texts; a request takes exactly one",
                field="text",
                hint="send a request for each text, one JSON object a line",
            )
        return a_text(text[0], field="text[0]", hint=hint)
    if not isinstance(text, str):
        raise InvalidInput(f"must be a string, not {json_type(text)}", field="text", hint=hint)
    return text


def a_string(value: object, *, field: str, hint: str | None = None) -> str:
    """*value* as a string that UTF-8 can carry."""
    if not isinstance(value, str):
        raise InvalidInput(f"must be a string, not {json_type(value)}", field=field, hint=hint)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            code = ord(value[error.start])
            raise InvalidInput(
                f"holds half of a surrogate pair (U+{code:04X}) at character {error.start}",
                field=field,
                hint="decode the source as UTF-8 before sending it",
            ) from None
    return value


def a_number(value: object, *, field: str, low: float = -math.inf, high: float = math.inf) -> float:
    """*value* as a finite float in ``[low, high]``; takes NumPy's real scalars, refuses booleans and NaN."""
    try:
        number = float(value) if _is_real(value) else None
    except OverflowError:  # an int beyond any float
        number = math.inf
    if number is None:
        raise InvalidInput(f"must be a number, not {json_type(value)}", field=field)
    if not math.isfinite(number):
        raise InvalidInput(f"must be a finite number, not {number}", field=field)
    if not low <= number <= high:
        raise InvalidInput(f"must be from {low:g} to {high:g}, not {number:g}", field=field)
    return number


def _is_real(value: object) -> TypeGuard[SupportsFloat]:
    if isinstance(value, bool):
        return False
    if isinstance(value, float | int):
        return True
    from numbers import Real  # NumPy's scalars register with it; needed for foreign types only

    return isinstance(value, Real)


def an_integer(
    value: object, *, field: str, low: int, high: int | None = None, hint: str | None = None
) -> int:
    """*value* as an int in ``[low, high]``; booleans and 3.0 are refused."""
    if not isinstance(value, int) or isinstance(value, bool):
        shown = f"{value!r}" if isinstance(value, float) else json_type(value)
        raise InvalidInput(f"must be an integer, not {shown}", field=field, hint=hint)
    if value < low or (high is not None and value > high):
        span = f"from {low} to {high}" if high is not None else f"at least {low}"
        shown = str(value) if abs(value) < 10**18 else "a number of that size"
        raise InvalidInput(f"must be {span}, not {shown}", field=field, hint=hint)
    return value
