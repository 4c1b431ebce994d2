"""The Python that an image's environment is made with: the running one, or one that the image asks for."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local_cloud.image_store.errors import ImageBuildFailed

Progress = Callable[[str], None]
Version = tuple[int, int]

ASK_DEADLINE_SECONDS: Final = 30.0
FETCH_DEADLINE_SECONDS: Final = 600.0
"""uv fetches a Python of about 30 MB."""

_BOUND = re.compile(r"(>=|<)\s*(\d+)\.(\d+)")
_NEWEST_MINOR: Final = 30
"""Where a range without an upper end stops being looked for on PATH."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An executable, and its version as ``3.11``."""

    path: Path
    tag: str


@dataclass(frozen=True, slots=True)
class VersionRange:
    """``>=3.11,<3.12``: what :pep:`440` calls a version specifier, of which these two operators are read."""

    text: str
    low: Version = (3, 0)
    below: Version = (4, 0)

    @classmethod
    def parse(cls, text: str) -> VersionRange:
        """Raises ImageBuildFailed where the text says anything else."""
        low, below = (3, 0), (4, 0)
        for part in filter(None, (part.strip() for part in text.split(","))):
            found = _BOUND.fullmatch(part)
            if found is None:
                raise ImageBuildFailed(
                    f"the image asks for Python {text!r}, which is not understood. "
                    'Next: write python = ">=3.11" or ">=3.11,<3.12" in its image.toml'
                )
            version = (int(found[2]), int(found[3]))
            low, below = (max(low, version), below) if found[1] == ">=" else (low, min(below, version))
        return cls(text, low, below)

    def __contains__(self, version: Version) -> bool:
        return self.low <= version < self.below

    def names(self) -> Iterator[str]:
        """Commands that such Pythons are called by, the oldest first."""
        for minor in range(self.low[1], _NEWEST_MINOR):
            if (version := (self.low[0], minor)) in self:
                yield f"python{version[0]}.{version[1]}"


def uv_command() -> list[str] | None:
    """uv of the running interpreter's environment, or None where it has none."""
    beside = Path(sys.executable).parent / "uv"
    if beside.is_file():
        return [str(beside)]
    return [sys.executable, "-m", "uv"] if importlib.util.find_spec("uv") is not None else None


def find_interpreter(wanted: str, progress: Progress) -> Interpreter:
    """The running Python where it will do, else one that this machine has, else one that uv fetches.

    wanted: a range such as ``>=3.11,<3.12``; empty for any. Raises ImageBuildFailed that says what to
    install.
    """
    versions = VersionRange.parse(wanted)
    if (found := _present(versions)) is not None:
        return found
    progress(f"fetching a Python {versions.text}, which this machine does not have")
    reason = _fetch(versions)
    if not reason and (found := _on_this_machine(versions)) is not None:
        return found
    name = next(versions.names(), f"python{_tag(versions.low)}")
    number, running = name.removeprefix("python"), _tag(sys.version_info[:2])
    raise ImageBuildFailed(
        f"the image needs Python {versions.text}; the running one is {running}, no other was found, "
        f"and uv fetched none ({reason or 'it does not find what it fetched'}). Next: install it so that "
        f"`{name}` is on PATH (Debian, Ubuntu: apt install {name}; macOS: brew install python@{number}), "
        f"or run `uv python install {number}` where the network allows it"
    )


def present_interpreter(wanted: str) -> Interpreter | None:
    """The same without fetching one. Raises ImageBuildFailed where the range is not understood."""
    return _present(VersionRange.parse(wanted))


def _present(versions: VersionRange) -> Interpreter | None:
    running = sys.version_info[:2]
    if running in versions:
        return Interpreter(Path(sys.executable), _tag(running))
    return _on_this_machine(versions)


def _on_this_machine(versions: VersionRange) -> Interpreter | None:
    candidates = [*map(shutil.which, versions.names()), _found_by_uv(versions)]
    for candidate in filter(None, candidates):
        found = _look_at(candidate)
        if found is not None and found[1] in versions:
            return Interpreter(found[0], _tag(found[1]))
    return None


def _found_by_uv(versions: VersionRange) -> str | None:
    """uv also knows the Pythons that it, pyenv and others keep outside PATH."""
    uv = uv_command()
    if uv is None:
        return None
    return _ask([*uv, "python", "find", "--system", "--no-project", "--no-python-downloads", versions.text])


def _fetch(versions: VersionRange) -> str:
    """Lets uv install one for this user. Returns why it could not, empty where it could."""
    uv = uv_command()
    if uv is None:
        return "uv is not installed beside the running Python"
    command = [*uv, "python", "install", "--no-bin", versions.text]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=FETCH_DEADLINE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = " ".join((done.stderr or done.stdout).split())
    innermost = said.rpartition("cause: ")[2]
    return "" if done.returncode == 0 else innermost[-300:] or f"exit code {done.returncode}"


def _look_at(python: str) -> tuple[Path, Version] | None:
    """Executable and version; None for what does not run, such as a version manager's idle shim."""
    answer = _ask([python, "-I", "-c", "import sys; print(*sys.version_info[:2], sys.executable)"])
    words = (answer or "").split(maxsplit=2)
    if len(words) != 3 or not (words[0].isdigit() and words[1].isdigit()):
        return None
    return Path(words[2]), (int(words[0]), int(words[1]))


def _ask(command: list[str]) -> str | None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ASK_DEADLINE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout.strip() or None) if done.returncode == 0 else None


def _tag(version: Version) -> str:
    return f"{version[0]}.{version[1]}"
