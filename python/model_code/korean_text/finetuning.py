"""One training loop for every model: AdamW, warm-up and linear decay, a time budget, checkpoints to go on
from.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from korean_text.batching import shuffled_batches
from korean_text.commands import MakingError


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train.

    Training ends after `epochs` passes or `budget_minutes` of wall time, whichever comes first; the learning
    rate falls to zero at that end, so a slow machine gets a shorter but complete schedule.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    budget_minutes: float | None = None
    warm_up: float = 0.05
    weight_decay: float = 0.01
    bfloat16: bool = True
    seed: int = 0
    report_every: int = 50
    checkpoint_every: int = 300


class TrainingError(MakingError):
    """Training cannot go on, for instance because a checkpoint belongs to another plan."""


Report = Callable[[str], None]


def rate_factor(progress: float, warm_up: float) -> float:
    """The learning rate's share of its peak at `progress` (0 to 1): a linear rise, then a linear fall to
    zero.
    """
    if progress < warm_up:
        return progress / warm_up
    return max(0.0, (1.0 - progress) / (1.0 - warm_up))


def fit(
    model: nn.Module,
    lengths: Sequence[int],
    loss_of: Callable[[list[int]], Tensor],
    plan: Plan,
    *,
    checkpoint: Path | None = None,
    evaluate: Callable[[], str] | None = None,
    report: Report = print,
) -> int:
    """Train `model` in place and return the number of steps taken.

    `lengths` gives the token count of each training row, `loss_of` the loss of the rows with the given
    numbers. With `checkpoint`, a folder, training saves itself there and goes on from what it finds there;
    `evaluate` is called at each checkpoint for a line to report.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
    )
    batches, shuffled = shuffled_batches(lengths, plan.batch_size, plan.seed), 0
    batches_per_epoch = len(batches)
    total = batches_per_epoch * plan.epochs
    step, spent = _resume(checkpoint, model, optimizer, plan)
    if step:
        report(f"going on from step {step} of {total}, {spent / 60:.1f} min spent")
    started = time.monotonic() - spent
    model.train()
    losses: list[float] = []
    rows = 0
    while True:
        elapsed = time.monotonic() - started
        progress = step / total
        if plan.budget_minutes is not None:
            progress = max(progress, elapsed / (plan.budget_minutes * 60))
        if progress >= 1.0:
            break
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * rate_factor(progress, plan.warm_up)
        epoch, number = divmod(step, batches_per_epoch)
        if epoch != shuffled:
            batches, shuffled = shuffled_batches(lengths, plan.batch_size, plan.seed + epoch), epoch
        batch = batches[number]
        with torch.autocast("cpu", torch.bfloat16, enabled=plan.bfloat16):
            loss = loss_of(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        rows += len(batch)
        step += 1
        if step % plan.report_every == 0:
            elapsed = time.monotonic() - started
            report(
                f"step {step}/{total} ({progress:.1%}) loss {sum(losses) / len(losses):.4f} "
                f"{rows / max(elapsed - spent, 1e-9):.0f} rows/s {elapsed / 60:.1f} min"
            )
            losses.clear()
        if checkpoint is not None and step % plan.checkpoint_every == 0:
            _save(checkpoint, model, optimizer, plan, step, time.monotonic() - started)
            if evaluate is not None:
                model.eval()
                report(f"step {step}: {evaluate()}")
                model.train()
    if checkpoint is not None:
        _save(checkpoint, model, optimizer, plan, step, time.monotonic() - started)
    model.eval()
    return step


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    for number, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            yield f"{number}.{name}", value


def _save(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, plan: Plan, step: int, spent: float
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "model.next")
    save_file(dict(_optimizer_tensors(optimizer)), folder / "optimizer.next")
    (folder / "model.next").replace(folder / "model.safetensors")
    (folder / "optimizer.next").replace(folder / "optimizer.safetensors")
    progress = {"step": step, "spent_seconds": spent, "plan": asdict(plan)}
    (folder / "progress.json").write_text(json.dumps(progress), encoding="utf-8")


def _resume(
    folder: Path | None, model: nn.Module, optimizer: torch.optim.Optimizer, plan: Plan
) -> tuple[int, float]:
    if folder is None or not (folder / "progress.json").exists():
        return 0, 0.0
    progress = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
    same = ("batch_size", "seed")  # what decides which rows come next
    if any(progress["plan"][name] != getattr(plan, name) for name in same):
        raise TrainingError(
            f"The checkpoint in {folder} was made with another batch size or seed. "
            "Delete that folder to start anew."
        )
    model.load_state_dict(load_file(folder / "model.safetensors"))
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in load_file(folder / "optimizer.safetensors").items():
        number, field = name.split(".", 1)
        state.setdefault(int(number), {})[field] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(progress["step"]), float(progress["spent_seconds"])
