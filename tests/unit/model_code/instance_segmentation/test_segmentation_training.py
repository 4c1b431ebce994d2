"""Training end to end, in miniature: it learns, writes weights that load, and goes on where it ended."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from test_segmentation_darknet import darknet_file

from instance_segmentation.batches import make_batch
from instance_segmentation.evaluate import evaluate, table
from instance_segmentation.segmenter import load_demo
from instance_segmentation.train import Plan, Training, anchors_of, main


def test_a_step_lowers_the_losses_of_the_batch_it_saw(tmp_path: Path) -> None:
    darknet_file(tmp_path / "cache" / "yolov3-tiny.weights")
    training = Training(Plan(minutes=1.0, batch_size=1, side=96, learning_rate=1e-3), tmp_path, print)
    batch = make_batch(3, 1, 96, anchors_of(training.network, 96))
    losses = [training.learn(batch).sum() for _ in range(12)]
    assert np.isfinite(losses).all()
    assert min(losses[-3:]) < losses[0]


def test_the_rate_warms_up_and_then_falls() -> None:
    plan = Plan(minutes=10.0, learning_rate=1.0)
    assert plan.rate(0.0, 0) < 0.05
    assert plan.rate(0.0, 1000) == 1.0
    assert plan.rate(5.0, 1000) > plan.rate(9.0, 1000) > plan.rate(10.0, 1000) > 0
    assert plan.rate(5.0, 0) < plan.rate(5.0, 100)


def test_training_writes_weights_that_load_and_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    work, output = tmp_path / "work", tmp_path / "weights"
    darknet_file(work / "cache" / "yolov3-tiny.weights")
    options = ["--work", str(work), "--output", str(output), "--batch-size", "1", "--side", "64"]
    options += ["--check-scenes", "2"]
    assert main([*options, "--minutes", "0.02"]) == 0
    state = work / "checkpoint" / "progress.json"
    before = json.loads(state.read_text(encoding="utf-8"))
    assert before["steps"] > 0
    segmenter = load_demo(output)
    assert {path.name for path in output.iterdir()} == {"network.json", "network.params"}

    # However long the first steps took on a busy machine, this leaves time for more.
    assert main([*options, "--minutes", str(before["minutes"] + 0.02)]) == 0
    after = json.loads(state.read_text(encoding="utf-8"))
    assert after["steps"] > before["steps"]
    assert after["minutes"] > before["minutes"]
    assert "going on after" in (work / "train.log").read_text(encoding="utf-8")

    quality = evaluate(segmenter, 2, on_photos=True)
    assert quality.scenes == 2
    assert "mask AP50" in table({"photographs": quality})
