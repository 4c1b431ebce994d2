"""What a person sees while a task runs: steps with their durations, notes, and signs of life.

Lines are whole and stand for themselves, so that steps may run side by side and the output reads the same in
a terminal, in a CI log and in a file."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.text import Text

NAME_WIDTH = 13
SIGN_OF_LIFE_SECONDS = 15.0
WIDTH_WITHOUT_TERMINAL = 140


class Step:
    """One step of a task, open while its ``with`` block runs."""

    def __init__(self, reporter: Reporter, name: str) -> None:
        self._reporter = reporter
        self._quiet_since = time.monotonic()
        self.name = name
        self.started = time.monotonic()
        self.outcome = ""
        self.doing = ""

    @property
    def seconds(self) -> float:
        """How long the step has been running."""
        return time.monotonic() - self.started

    def note(self, text: str) -> None:
        """One line of detail."""
        self._quiet_since = time.monotonic()
        self._reporter.line(" ", self.name, text, style="dim")

    def working_on(self, text: str) -> None:
        """What the sign of life names when the step is silent for long."""
        self.doing = text

    def sign_of_life(self) -> None:
        """Prints a line if nothing was printed for a while."""
        if time.monotonic() - self._quiet_since >= SIGN_OF_LIFE_SECONDS:
            what = f": {self.doing}" if self.doing else ""
            self.note(f"… {self.seconds:.0f} s so far{what}")


class Reporter:
    """Prints the steps of a task. Safe to use from several threads."""

    def __init__(self, console: Console | None = None, *, verbose: bool = False) -> None:
        self.console = console or default_console()
        self.verbose = verbose

    def line(self, mark: str, name: str, text: str, *, style: str = "", mark_style: str = "") -> None:
        """``mark name  text``; further lines of the text are indented to match."""
        first, *rest = text.splitlines() or [""]
        out = Text(f"{mark} ", style=mark_style)
        out.append(f"{name:<{NAME_WIDTH}}", style="bold" if mark != " " else "dim")
        out.append(first, style=style)
        for line in rest:
            out.append("\n" + " " * (NAME_WIDTH + 2) + line, style=style)
        self.console.print(out)

    def say(self, text: str, style: str = "") -> None:
        """A line outside every step."""
        self.console.print(Text(text, style=style, no_wrap=True), crop=False)

    @contextmanager
    def step(self, name: str, title: str = "") -> Iterator[Step]:
        """Announces a step, gives signs of life while it runs, and prints its outcome and duration."""
        step = Step(self, name)
        if title:
            self.line("▸", name, title, mark_style="cyan")
        with _Heartbeat(step):
            try:
                yield step
            except BaseException:
                self.line("✗", name, f"failed after {step.seconds:.1f} s", style="red", mark_style="red")
                raise
        outcome = f"{step.outcome}  " if step.outcome else ""
        self.line("✓", name, f"{outcome}({step.seconds:.1f} s)", mark_style="green")


def default_console() -> Console:
    """The terminal; where there is none (CI, a file) wide enough for tables, unless COLUMNS is set."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDTH_WITHOUT_TERMINAL
    return console


class _Heartbeat:
    """A thread that asks a step for a sign of life every second until the step ends."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{step.name}", daemon=True)

    def _beat(self) -> None:
        while not self._ended.wait(1.0):
            self._step.sign_of_life()

    def __enter__(self) -> _Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=5)
