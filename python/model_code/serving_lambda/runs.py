"""Running a model on the items of one event: in batches of like sizes, and alone where a batch failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from serving.model_loader import LoadedModel


class ItemFailed(Exception):
    """The model raised ``cause`` on the item at ``index``."""

    def __init__(self, index: int, cause: Exception) -> None:
        super().__init__(index, cause)
        self.index = index
        self.cause = cause


def run(model: LoadedModel, items: Sequence[Any]) -> list[Any]:
    """An answer an item, in order; raise ItemFailed for the first item that the model fails on."""
    answers: list[Any] = [None] * len(items)
    for batch in [[0]] if len(items) == 1 else _batches(model, items):
        try:
            found = _predict(model, [items[index] for index in batch])
        except Exception as error:
            if len(batch) == 1:
                raise ItemFailed(batch[0], error) from error
            found = [_run_alone(model, items[index], index) for index in sorted(batch)]
            batch.sort()
        for index, answer in zip(batch, found, strict=True):
            answers[index] = answer
    return answers


def _run_alone(model: LoadedModel, item: Any, index: int) -> Any:
    try:
        return _predict(model, [item])[0]
    except Exception as error:
        raise ItemFailed(index, error) from error


def _predict(model: LoadedModel, items: list[Any]) -> list[Any]:
    answers = list(model.predict(items))
    if len(answers) != len(items):
        raise ValueError(f"predict() returned {len(answers)} answers for {len(items)} items")
    return answers


def _batches(model: LoadedModel, items: Sequence[Any]) -> Iterator[list[int]]:
    """Indexes in batches of items of like size, as large as the inference server makes them by default."""
    from serving.settings import Settings  # here, because a lone request has no use for it

    settings = Settings()
    most = min(settings.max_batch, model.max_batch or settings.max_batch)
    sizes = [1] * len(items) if model.size is None else [model.size(item) for item in items]
    batch: list[int] = []
    for index in sorted(range(len(items)), key=sizes.__getitem__):
        # Sizes grow, so this item would be the longest, as which all are padded.
        if batch and (len(batch) == most or (len(batch) + 1) * sizes[index] > settings.max_batch_size):
            yield batch
            batch = []
        batch.append(index)
    yield batch
