"""The training loop: schedule, time budget, checkpoints."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from korean_text.finetuning import Plan, TrainingError, fit, rate_factor

PLAN = Plan(epochs=4, batch_size=4, learning_rate=0.2, bfloat16=False, report_every=5, checkpoint_every=5)
INPUTS = torch.linspace(-1, 1, 40)[:, None]
TARGETS = 3 * INPUTS + 1
LENGTHS = [1] * 40


def line() -> nn.Linear:
    torch.set_num_threads(1)
    model = nn.Linear(1, 1)
    nn.init.zeros_(model.weight)  # no random start: every run takes the same steps
    nn.init.zeros_(model.bias)
    return model


def loss_for(model: nn.Module):  # type: ignore[no-untyped-def]
    def loss_of(batch: list[int]) -> Tensor:
        return nn.functional.mse_loss(model(INPUTS[batch]), TARGETS[batch])

    return loss_of


def test_the_learning_rate_rises_and_then_falls_to_zero() -> None:
    assert [rate_factor(p, 0.1) for p in (0.0, 0.05, 0.1, 0.55, 1.0)] == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_training_fits_the_rows_in_the_planned_number_of_steps() -> None:
    model = line()
    lines: list[str] = []
    before = loss_for(model)(list(range(40))).item()  # about 4.2; training brings it to about 0.03
    assert fit(model, LENGTHS, loss_for(model), PLAN, report=lines.append) == 40
    assert loss_for(model)(list(range(40))).item() < before / 3
    assert lines[0].startswith("step 5/40")


def test_training_that_was_cut_short_goes_on_to_the_same_result(tmp_path: Path) -> None:
    whole = line()
    fit(whole, LENGTHS, loss_for(whole), PLAN, report=lambda _: None)

    interrupted = line()
    steps = 0
    loss_of = loss_for(interrupted)

    def failing(batch: list[int]) -> Tensor:
        nonlocal steps
        steps += 1
        if steps == 23:
            raise KeyboardInterrupt
        return loss_of(batch)  # type: ignore[no-any-return]

    with pytest.raises(KeyboardInterrupt):
        fit(interrupted, LENGTHS, failing, PLAN, checkpoint=tmp_path, report=lambda _: None)
    resumed = line()
    lines: list[str] = []
    fit(resumed, LENGTHS, loss_for(resumed), PLAN, checkpoint=tmp_path, report=lines.append)
    assert "going on from step 20" in lines[0]
    assert torch.allclose(resumed.weight, whole.weight, atol=1e-6)


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    model = line()
    fit(model, LENGTHS, loss_for(model), PLAN, checkpoint=tmp_path, report=lambda _: None)
    again = line()

    def refuse(_: list[int]) -> Tensor:
        raise AssertionError("no step was to be taken")

    assert fit(again, LENGTHS, refuse, PLAN, checkpoint=tmp_path, report=lambda _: None) == 40
    assert torch.equal(again.weight, model.weight)


def test_no_time_means_no_steps() -> None:
    model = line()
    assert fit(model, LENGTHS, loss_for(model), replace(PLAN, budget_minutes=1e-9)) == 0


def test_a_checkpoint_of_another_order_of_rows_is_refused(tmp_path: Path) -> None:
    model = line()
    fit(model, LENGTHS, loss_for(model), PLAN, checkpoint=tmp_path, report=lambda _: None)
    with pytest.raises(TrainingError, match="Delete that folder"):
        fit(line(), LENGTHS, loss_for(model), replace(PLAN, seed=1), checkpoint=tmp_path)


def test_each_checkpoint_is_measured(tmp_path: Path) -> None:
    model = line()
    lines: list[str] = []
    fit(
        model,
        LENGTHS,
        loss_for(model),
        PLAN,
        checkpoint=tmp_path,
        evaluate=lambda: "fine",
        report=lines.append,
    )
    assert lines.count("step 40: fine") == 1
