"""A Terraform plan as a person wants to read it: the counts, then what needs a look, then the rest by
type.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile, zip_longest
from typing import Any, Literal

Action = Literal["create", "update", "replace", "destroy", "read"]
Path = tuple[str | int, ...]
MAX_VALUE_CHARACTERS = 60
LEAD_CHARACTERS = 20  # shown of what two long values share, before they part
MAX_ATTRIBUTES = 8
_UNKNOWN = "(known after apply)"
_SENSITIVE = "(sensitive)"


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """One attribute of a resource, both values already made readable."""

    path: str
    before: str
    after: str
    forces_replacement: bool


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """What a plan does to one resource."""

    address: str
    type: str
    action: Action
    attributes: tuple[AttributeChange, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """All that a plan changes. ``outputs`` holds the names of outputs that change."""

    changes: tuple[ResourceChange, ...]
    outputs: tuple[str, ...]

    def count(self, action: Action) -> int:
        """How many resources get this action."""
        return sum(change.action == action for change in self.changes)

    @property
    def is_empty(self) -> bool:
        """Nothing changes, not even an output."""
        return not self.outputs and not any(change.action != "read" for change in self.changes)

    @property
    def headline(self) -> str:
        """``2 to create, 1 to replace`` or ``no changes``."""
        words: Sequence[tuple[Action, str]] = (
            ("create", "to create"),
            ("update", "to change"),
            ("replace", "to REPLACE"),
            ("destroy", "to DESTROY"),
        )
        parts = [f"{self.count(action)} {text}" for action, text in words if self.count(action)]
        if not parts and self.outputs:
            return "only outputs change"
        return ", ".join(parts) or "no changes"

    def render(self) -> str:
        """The summary as text, replaced and destroyed resources first."""
        lines = [self.headline]
        marks: Sequence[tuple[Action, str]] = (
            ("destroy", "- DESTROY"),
            ("replace", "± REPLACE"),
            ("update", "~ change "),
        )
        for action, mark in marks:
            for change in self.changes:
                if change.action == action:
                    lines.append(
                        f"{mark} {change.address}" + (f"  [{change.reason}]" if change.reason else "")
                    )
                    lines += [f"    {text}" for text in _attribute_lines(change)]
        created = Counter(change.type for change in self.changes if change.action == "create")
        lines += [
            f"+ create  {kind}" + (f" × {count}" if count > 1 else "")
            for kind, count in sorted(created.items())
        ]
        if self.outputs:
            lines.append(f"outputs: {', '.join(self.outputs)}")
        return "\n".join(lines)


def summarise(plan: Mapping[str, Any]) -> PlanSummary:
    """Reads the output of ``terraform show -json <plan>`` (Terraform's "JSON Output Format", plan
    representation).
    """
    changes = tuple(
        change for found in plan.get("resource_changes", []) if (change := _resource_change(found))
    )
    outputs = tuple(
        name
        for name, change in sorted(plan.get("output_changes", {}).items())
        if change.get("actions") != ["no-op"]
    )
    return PlanSummary(changes, outputs)


def _resource_change(found: Mapping[str, Any]) -> ResourceChange | None:
    change = found["change"]
    actions = change["actions"]
    action: Action
    match actions:
        case ["no-op"]:
            return None
        case ["create"] | ["update"] | ["read"]:
            action = actions[0]
        case ["delete"] | ["forget"]:
            action = "destroy"
        case _:  # delete and create, in either order
            action = "replace"
    attributes = tuple(_attribute_changes(change)) if action in ("update", "replace") else ()
    reason = str(found.get("action_reason", "")).replace("_", " ")
    return ResourceChange(found["address"], found["type"], action, attributes, reason)


def _attribute_changes(change: Mapping[str, Any]) -> Iterator[AttributeChange]:
    before, after = change.get("before") or {}, change.get("after") or {}
    unknown = change.get("after_unknown") or {}
    hidden = [change.get("before_sensitive") or {}, change.get("after_sensitive") or {}]
    forcing = [tuple(path) for path in change.get("replace_paths", []) if path]
    for name in sorted({*before, *after, *unknown}):
        forces = any(path[0] == name for path in forcing)
        if unknown.get(name) is True and not forces and name in ("arn", "id", "tags_all"):
            continue  # computed ones follow from the rest
        old, new, marks = before.get(name), after.get(name), unknown.get(name)
        found: Iterable[tuple[Path, str, str]]
        if not any(isinstance(marked, dict) and _marks_any(marked.get(name)) for marked in hidden):
            found = _differences((name,), old, new, marks)
        else:
            found = [] if _same(old, new, marks) else [((name,), _SENSITIVE, _SENSITIVE)]
        for path, shown_before, shown_after in found:
            forced = any(path[: len(each)] == each[: len(path)] for each in forcing)
            yield AttributeChange(_written(path), shown_before, shown_after, forced)


def _differences(path: Path, before: Any, after: Any, unknown: Any) -> Iterator[tuple[Path, str, str]]:
    """Where two values part, each with what stands there before and after; blocks are looked into."""
    if _same(before, after, unknown):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        parts = unknown if isinstance(unknown, dict) else {}
        for key in sorted({*before, *after, *parts}):
            yield from _differences((*path, key), before.get(key), after.get(key), parts.get(key))
    elif _are_blocks(before) and _are_blocks(after) and len(before) == len(after):
        marks = unknown if isinstance(unknown, list) else []
        for number, (old, new, marked) in enumerate(zip_longest(before, after, marks[: len(before)])):
            yield from _differences((*path, number), old, new, marked)
    elif _marks_any(unknown):
        yield path, _shorten(json.dumps(before, ensure_ascii=False)), _UNKNOWN
    else:
        yield path, *_readable_pair(before, after)


def _same(before: Any, after: Any, unknown: Any) -> bool:
    """Whether nothing changes: the provider keeps ``""``, 0 or false of what was never said (null)."""
    return not _marks_any(unknown) and (before == after or (after is None and not before))


def _are_blocks(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _written(path: Path) -> str:
    """As Terraform writes a path: ``production_variants[0].serverless_config[0].max_concurrency``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _attribute_lines(change: ResourceChange) -> Iterator[str]:
    shown = sorted(change.attributes, key=lambda attribute: not attribute.forces_replacement)
    for attribute in shown[:MAX_ATTRIBUTES]:
        forced = "  (forces replacement)" if attribute.forces_replacement else ""
        yield f"{attribute.path}: {attribute.before} → {attribute.after}{forced}"
    if len(shown) > MAX_ATTRIBUTES:
        yield f"… and {len(shown) - MAX_ATTRIBUTES} more attributes"


def _marks_any(marks: Any) -> bool:
    """Whether anything in an attribute's marks is true: of one with parts they are ``[{}]`` where nothing is
    secret or unknown.
    """
    if isinstance(marks, dict):
        return any(map(_marks_any, marks.values()))
    if isinstance(marks, list):
        return any(map(_marks_any, marks))
    return bool(marks)


def _readable_pair(before: Any, after: Any) -> tuple[str, str]:
    """Both values, short; of two that are long and begin alike what is shown begins where they part."""
    old, new = json.dumps(before, ensure_ascii=False), json.dumps(after, ensure_ascii=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    if max(len(old), len(new)) > MAX_VALUE_CHARACTERS and shared > MAX_VALUE_CHARACTERS // 2:
        start = shared - LEAD_CHARACTERS
        old, new = "…" + old[start:], "…" + new[start:]
    return _shorten(old), _shorten(new)


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_VALUE_CHARACTERS else text[: MAX_VALUE_CHARACTERS - 1] + "…"
