"""Many questions as few requests: cut by count and size, run side by side, answered in order.

One bad item makes the server refuse its whole request and name the line. :func:`settle` takes that item out
and sends the rest again; where no line is named it halves the request until the item is alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from serving_clients._wire import Item, encode
from serving_clients.errors import InvalidRequest, ModelFailed, ServingError, ServingTimeout
from serving_contracts.tasks import Task

Answer = TypeVar("Answer")
Load = TypeVar("Load")
OnError = Literal["raise", "return"]

ITEMS_PER_REQUEST: Final = (
    64  # twice the largest batch of the server, so that it always has the next one at hand
)
TIMEOUTS_PER_REQUEST: Final = (
    8  # enough to find one slow item among 64; a container that hangs is not asked on
)
Entry = Item | InvalidRequest
Ask = Callable[[Sequence[Item]], list[Answer]]


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes out together, in order; items that could not be encoded stay in their places as errors."""

    entries: tuple[Entry, ...]

    @property
    def items(self) -> list[Item]:
        """Those that can be sent."""
        return [entry for entry in self.entries if isinstance(entry, Item)]


class Cutter:
    """Collects entries into batches. max_bytes: of the JSON Lines body."""

    def __init__(self, *, max_items: int = ITEMS_PER_REQUEST, max_bytes: int) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._entries: list[Entry] = []
        self._bytes = 0

    def add(self, entry: Entry) -> Batch | None:
        """Take *entry*; the batch that this completes, if any."""
        size = len(entry.line) + 1 if isinstance(entry, Item) else 0
        full = self.flush() if self._entries and self._bytes + size > self._max_bytes else None
        self._entries.append(entry)
        self._bytes += size
        if full is None and len(self._entries) >= self._max_items:
            return self.flush()
        return full

    def flush(self) -> Batch | None:
        """What has been collected, if anything."""
        if not self._entries:
            return None
        batch = Batch(tuple(self._entries))
        self._entries, self._bytes = [], 0
        return batch


def entry_of(task: Task[Any, Any], index: int, value: object, on_error: OnError) -> Entry:
    """The caller's item at *index*, ready to send; raises or returns an InvalidRequest as *on_error* says."""
    try:
        return encode(task, index, value)
    except InvalidRequest as error:
        if on_error == "raise":
            raise
        return error


def cut(
    task: Task[Any, Any], values: Iterable[object], *, max_bytes: int, on_error: OnError
) -> Iterator[Batch | InvalidRequest]:
    """Batches of *values*. With ``raise`` a bad item ends them, after all that precede it."""
    cutter = Cutter(max_bytes=max_bytes)
    for index, value in enumerate(values):
        try:
            entry = entry_of(task, index, value, on_error)
        except InvalidRequest as error:
            if rest := cutter.flush():
                yield rest
            yield error
            return
        if batch := cutter.add(entry):
            yield batch
    if rest := cutter.flush():
        yield rest


def settle(batch: Batch, ask: Ask[Answer], on_error: OnError) -> list[Answer | ServingError]:
    """An answer for every entry of *batch*, in order.

    With ``return`` an item that is refused, that the model fails on, or that is too slow for the container
    gets its error in its place; what is no item's fault (no endpoint, throttled) is raised all the same.
    """
    found: dict[int, Answer | ServingError] = {
        e.item or 0: e for e in batch.entries if not isinstance(e, Item)
    }
    groups = [batch.items] if batch.items else []
    timeouts = 0
    while groups:
        group = groups.pop()
        try:
            found.update(zip((item.index for item in group), ask(group), strict=True))
            continue
        except (InvalidRequest, ModelFailed, ServingTimeout) as error:
            cause: InvalidRequest | ModelFailed | ServingTimeout = error
        if not (cause.about_items or cause.about_size):
            raise cause
        timeouts += isinstance(cause, ServingTimeout)
        culprit = _culprit(cause, group)
        split = culprit is None and (on_error == "return" or cause.about_size)
        if split and timeouts < TIMEOUTS_PER_REQUEST:
            middle = len(group) // 2
            groups += [group[middle:], group[:middle]]
            continue
        if culprit is not None and not isinstance(cause, ServingTimeout):
            cause.item = culprit.index
        if on_error == "raise":
            raise cause
        if culprit is None:
            found.update({item.index: cause for item in group})
        else:
            found[culprit.index] = cause
            if rest := [item for item in group if item is not culprit]:
                groups.append(rest)
    places = (entry.index if isinstance(entry, Item) else entry.item or 0 for entry in batch.entries)
    return [found[place] for place in places]


def _culprit(error: ServingError, group: Sequence[Item]) -> Item | None:
    """The item that *error* is about: the line that the server named, or the only one there is."""
    if len(group) == 1:
        return group[0]
    line = getattr(error, "item", None)
    return group[line] if isinstance(line, int) and 0 <= line < len(group) else None


def run(
    batches: Iterable[Load | InvalidRequest],
    work: Callable[[Load], list[Answer | ServingError]],
    workers: Executor,
    *,
    window: int,
) -> Iterator[Answer | ServingError]:
    """The results of *work* on every batch, in order. At most *window* batches are held at a time.

    An InvalidRequest in a batch's place is raised after all that precedes it. Input is read in the caller's
    thread, and only as fast as answers are taken.
    """
    pending: deque[Future[list[Answer | ServingError]]] = deque()
    try:
        for batch in batches:
            if isinstance(batch, InvalidRequest):
                while pending:
                    yield from pending.popleft().result()
                raise batch
            pending.append(workers.submit(work, batch))
            while pending and (len(pending) >= window or pending[0].done()):
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
