"""What a function reads from its environment, and how it makes batches of what one event asks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

import serving_lambda
from serving.model_loader import LoadedModel
from serving.settings import BadSetting
from serving_contracts.tasks import SENTIMENT
from serving_lambda.environment import find_model, function_threads
from serving_lambda.runs import ItemFailed, run


@pytest.mark.parametrize(
    ("memory", "available", "threads"),
    [
        ("128", 6, 1),
        ("1024", 6, 1),
        ("1769", 6, 1),
        ("2048", 6, 1),
        ("2654", 6, 2),
        ("3538", 6, 2),
        ("3538", 1, 1),
        ("10240", 6, 6),
        ("10240", 2, 2),
        ("", 4, 4),
    ],
)
def test_threads_are_the_vcpus_that_the_memory_comes_with(memory: str, available: int, threads: int) -> None:
    assert function_threads({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory}, available) == threads
    assert function_threads({}, available) == available


@pytest.mark.parametrize("memory", ["1GB", "-1", "1769.5"])
def test_memory_that_is_no_number_says_so(memory: str) -> None:
    with pytest.raises(BadSetting, match="AWS_LAMBDA_FUNCTION_MEMORY_SIZE"):
        function_threads({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory}, 2)


def test_the_model_is_where_it_is_said_else_in_the_task_root_else_beside_the_package(tmp_path: Path) -> None:
    beside = Path(serving_lambda.__file__).parents[1] / "model"
    root = {"LAMBDA_TASK_ROOT": str(tmp_path)}
    assert find_model({}) == beside
    assert find_model(root) == beside  # an image whose sources lie elsewhere
    (tmp_path / "model").mkdir()
    assert find_model(root) == tmp_path / "model"
    assert find_model({**root, "SERVING_MODEL_DIR": " /opt/model "}) == Path("/opt/model")


class Noting:
    """A model whose answers are its items; fails on negative ones."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def predict(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        if min(items) < 0:
            raise RuntimeError(f"negative: {min(items)}")
        return list(items)

    def loaded(self, max_batch: int | None = None) -> LoadedModel:
        return LoadedModel("noting", SENTIMENT, self.predict, size=abs, max_batch=max_batch)


def test_items_are_run_with_those_of_like_size_and_answered_in_order() -> None:
    model = Noting()
    items = [100, 3, 300, 1, 250, 2] * 20
    assert run(model.loaded(), items) == items
    assert sum(map(len, model.batches)) == len(items)
    assert all(len(batch) <= 32 for batch in model.batches)
    assert all(len(batch) * max(batch) <= 512 for batch in model.batches)
    assert [value for batch in model.batches for value in batch] == sorted(items)


def test_an_item_larger_than_a_batch_may_be_goes_alone() -> None:
    model = Noting()
    assert run(model.loaded(), [9999, 1, 9998]) == [9999, 1, 9998]
    assert model.batches == [[1], [9998], [9999]]


def test_a_model_gets_no_more_items_than_it_takes() -> None:
    model = Noting()
    assert run(model.loaded(max_batch=2), [1] * 5) == [1] * 5
    assert [len(batch) for batch in model.batches] == [2, 2, 1]


def test_the_first_item_that_fails_is_named() -> None:
    with pytest.raises(ItemFailed) as raised:
        run(Noting().loaded(), [5, -4, 3, -4])
    assert (raised.value.index, str(raised.value.cause)) == (1, "negative: -4")


def test_too_few_answers_are_a_failure_of_the_model() -> None:
    model = LoadedModel("lazy", SENTIMENT, lambda items: [])
    with pytest.raises(ItemFailed, match="0 answers for 1 items"):
        run(model, ["a"])
