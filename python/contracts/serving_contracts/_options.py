"""Options of media tasks as they travel in ``CustomAttributes``."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from serving_contracts.errors import InvalidInput
from serving_contracts.limits import CUSTOM_ATTRIBUTES_CHARACTERS

Options = TypeVar("Options")

_TRUTH = {"true": True, "false": False}


def parse_attributes(attributes: str | None, options: type[Options], *, hint: str) -> Options:
    """``name=value`` pairs between semicolons as an *options* object, a dataclass whose fields all have
    defaults: what is not named keeps its default. Raises InvalidInput with *hint* that names the field.
    """
    text = attributes or ""
    if len(text) > CUSTOM_ATTRIBUTES_CHARACTERS:
        raise InvalidInput(
            f"has more than {CUSTOM_ATTRIBUTES_CHARACTERS} characters", field="CustomAttributes"
        )
    known = {field.name: field.default for field in fields(options)}  # type: ignore[arg-type]
    given: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in known:
            raise InvalidInput(
                f"names {name!r}; there is {', '.join(known)}", field="CustomAttributes", hint=hint
            )
        if name in given:
            raise InvalidInput(f"names {name!r} twice", field="CustomAttributes", hint=hint)
        given[name] = _read(name, value, known[name], hint)
    try:
        return options(**given)
    except InvalidInput as error:
        raise InvalidInput(error.message, field=error.field, hint=error.hint or hint) from None


def _read(name: str, text: str, default: Any, hint: str) -> Any:
    if isinstance(default, bool):
        if text.lower() not in _TRUTH:
            raise InvalidInput(f"must be true or false, not {text!r}", field=name, hint=hint)
        return _TRUTH[text.lower()]
    try:
        return type(default)(text)
    except ValueError:
        raise InvalidInput(f"must be a number, not {text!r}", field=name, hint=hint) from None
