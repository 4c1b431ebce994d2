"""What the command lines that make and measure models have in common."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence


class MakingError(RuntimeError):
    """Weights cannot be made or measured; the message says why and what to do."""


Main = Callable[[Sequence[str] | None], int]


def command(main: Main) -> Callable[..., int]:
    """A `main` whose `MakingError` ends the command with its message alone, without a stack trace."""

    @functools.wraps(main)
    def run(arguments: Sequence[str] | None = None) -> int:
        try:
            return main(arguments)
        except MakingError as error:
            raise SystemExit(str(error)) from error

    return run
