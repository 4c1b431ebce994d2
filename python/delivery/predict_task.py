"""``invoke predict``: :mod:`delivery.bulk` with the client library, a progress bar and a closing sentence."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from delivery.bulk import Tally, predict_file
from delivery.callers import connect
from delivery.environments import Environment
from delivery.errors import DeliveryError
from serving_contracts.errors import InvalidInput
from serving_contracts.tasks import find_task


def predict(environment: Environment, task_name: str, source: str, target: str, *, resume: bool) -> None:
    """Answers every line of a file.

    Raises:
        DeliveryError: an unknown task, an unusable file, an endpoint that fails, or lines that got an error.
    """
    try:
        task = find_task(task_name)
    except InvalidInput as error:
        raise DeliveryError(str(error), next_step="pass one of them as --task") from error
    session = connect(environment)

    def ask(lines: Iterator[bytes]) -> Iterator[Any]:
        return session.predict(task.name, lines, on_error="return")

    path = Path(source)
    console = Console(stderr=True)
    started = time.monotonic()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as progress:
        bar = progress.add_task(task.name, total=path.stat().st_size if path.is_file() else None)
        tally = predict_file(
            path,
            Path(target),
            task,
            ask,
            resume=resume,
            on_progress=lambda size: progress.advance(bar, size),
        )
    print(_closing_sentence(tally, target, time.monotonic() - started))
    if tally.failed:
        raise DeliveryError(
            f"{tally.failed} of {tally.failed + tally.answered} lines were not answered.",
            next_step=f'look for {{"error": … in {target}: each names its line and what is wrong with it',
        )


def _closing_sentence(tally: Tally, target: str, seconds: float) -> str:
    rows = tally.answered + tally.failed
    before = f", {tally.kept} kept from before" if tally.kept else ""
    return f"{rows} lines in {seconds:.1f} s ({rows / max(seconds, 1e-9):.0f} a second){before}: {target}"
