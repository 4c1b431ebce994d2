"""Makes the demo weights: Mask R-CNN on YOLOv3-tiny's COCO backbone, trained on drawn scenes.

Run it as ``invoke models.train --model instance_segmentation``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# OpenMP reads it when MXNet is loaded, which the functions below do.  On a machine that does other work
# too, two threads that wait for each other are many times slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from instance_segmentation import darknet
from instance_segmentation.average_precision import find, measure
from instance_segmentation.batches import Batch, batches
from instance_segmentation.network import build_demo_network
from instance_segmentation.scenes import CLASSES, draw_scene
from instance_segmentation.segmenter import DEMO, DEMO_PRESET, PARAMETERS_FILE, Description, load, save
from korean_text.commands import command
from vision import compat

WEIGHTS = Path(__file__).parent / "weights"
_CHECK_SEED = 10_000_000  # of the scenes that are watched; evaluation draws others, on photographs of its own


@dataclass(frozen=True)
class Plan:
    """How long and how fast to learn.

    Attributes:
        minutes: wall time in all, earlier runs that are continued included; the rate falls with it.
        batch_size: images a step.
        side: pixels of a training image.
        learning_rate: Adam's highest; the backbone takes a fraction of it.
        check_minutes: time between two checkpoints, each measured on `checked` scenes.
    """

    minutes: float
    batch_size: int = 4
    side: int = 256
    learning_rate: float = 1e-3
    backbone_rate: float = 0.3
    check_minutes: float = 4.0
    checked: int = 60
    seed: int = 1

    def rate(self, minutes: float, steps_since_start: int) -> float:
        """A short warm-up, also after a restart, then half a cosine down to 1 %."""
        part = min(minutes / self.minutes, 1.0)
        falling = 0.01 + 0.99 * (1 + np.cos(np.pi * part)) / 2
        return float(self.learning_rate * falling * min(1.0, (steps_since_start + 1) / 60))


@dataclass
class Progress:
    """What a run has done; it lies beside the checkpoint as JSON."""

    steps: int = 0
    minutes: float = 0.0
    best: float = -1.0


def anchors_of(network: Any, side: int) -> NDArray[np.float32]:
    """All anchors of a square image, (A, 4), in the order of the network's answers."""
    found = []
    for generator, stride in zip(network.rpn.anchor_generator, network._strides, strict=True):
        cells = -(-side // stride)
        found.append(generator.anchors.data().asnumpy()[0, 0, :cells, :cells].reshape(-1, 4))
    return np.concatenate(found)


def _losses() -> Any:
    """gluoncv's training step with the losses of its Mask R-CNN script."""
    from gluoncv.model_zoo.rcnn.mask_rcnn.data_parallel import ForwardBackwardTask
    from mxnet.gluon import loss

    return lambda network: ForwardBackwardTask(
        network,
        None,
        loss.SigmoidBinaryCrossEntropyLoss(from_sigmoid=False),
        loss.HuberLoss(rho=1 / 9),
        loss.SoftmaxCrossEntropyLoss(),
        loss.HuberLoss(rho=1.0),
        loss.SigmoidBinaryCrossEntropyLoss(from_sigmoid=False),
        False,
    )


class Training:
    """A network being trained, with its checkpoint under `work`."""

    def __init__(self, plan: Plan, work: Path, report: Callable[[str], None]) -> None:
        compat.prepare()
        import mxnet as mx

        self._plan, self._work, self._report = plan, work, report
        self._checkpoint = work / "checkpoint"
        self.progress = Progress()
        self.network = build_demo_network(CLASSES, plan.batch_size)
        state = self._checkpoint / "progress.json"
        if state.is_file():
            self.progress = Progress(**json.loads(state.read_text(encoding="utf-8")))
            report(f"going on after {self.progress.steps} steps, {self.progress.minutes:.1f} minutes")
        mx.random.seed(plan.seed + self.progress.steps)
        np.random.seed(plan.seed)  # MXNet's initialisers draw from it
        self.network.initialize()
        self._complete_initialisation()
        if state.is_file():
            self.network.load_parameters(str(self._checkpoint / PARAMETERS_FILE))
        else:
            darknet.start_from_coco(self.network, darknet.fetch(work / "cache"))
        for parameter in self.network.features.collect_params("darknet_.*").values():
            parameter.lr_mult = plan.backbone_rate
        self.network.hybridize()
        self._trainer = mx.gluon.Trainer(
            self.network.collect_params(),
            "adam",
            {"learning_rate": plan.learning_rate, "wd": 1e-5},
            kvstore=None,
        )
        self._step = _losses()(self.network)

    def _complete_initialisation(self) -> None:
        """Run once, so that every parameter gets its shape."""
        import mxnet as mx

        for output in self.network(mx.nd.zeros((1, 3, 64, 64))):
            output.wait_to_read()

    def learn(self, batch: Batch) -> NDArray[np.float64]:
        """One step; the five losses: proposals' class and box, regions' class and box, masks."""
        import mxnet as mx

        arrays = (batch.images, batch.labels, batch.masks.astype(np.float32))
        targets = (batch.anchor_classes, batch.anchor_offsets, batch.anchor_weights)
        losses = self._step.forward_backward(tuple(mx.nd.array(array) for array in (*arrays, *targets)))[:5]
        parameters = [p for p in self.network.collect_params().values() if p.grad_req != "null"]
        mx.gluon.utils.clip_global_norm([p.grad() for p in parameters], 10.0 * self._plan.batch_size)
        self._trainer.step(self._plan.batch_size)
        return np.array([float(value.asscalar()) for value in losses])

    def run(self) -> None:
        """Train until the plan's time is over, with a checkpoint every few minutes and at the end."""
        plan, progress = self._plan, self.progress
        before, began = progress.minutes, time.monotonic()
        next_check = progress.minutes + plan.check_minutes
        recent: list[NDArray[np.float64]] = []
        stream = batches(
            plan.seed * 1_000_000 + progress.steps,
            plan.batch_size,
            plan.side,
            anchors_of(self.network, plan.side),
        )
        first_step = progress.steps
        try:
            while progress.minutes < plan.minutes:
                self._trainer.set_learning_rate(plan.rate(progress.minutes, progress.steps - first_step))
                recent.append(self.learn(next(stream)))
                progress.steps += 1
                progress.minutes = before + (time.monotonic() - began) / 60
                if progress.steps % 50 == 0:
                    self._report(self._line(recent))
                    recent.clear()
                if progress.minutes >= next_check:
                    self.check()
                    progress.minutes = before + (time.monotonic() - began) / 60
                    next_check = progress.minutes + plan.check_minutes
        finally:
            stream.close()
        self.check()

    def _line(self, recent: list[NDArray[np.float64]]) -> str:
        names = ("rpn class", "rpn box", "class", "box", "mask")
        means = np.mean(recent, axis=0) / [1, 1, *[self._plan.batch_size] * 3]
        losses = ", ".join(f"{name} {value:.3f}" for name, value in zip(names, means, strict=True))
        return f"step {self.progress.steps}, {self.progress.minutes:.1f} min: {losses}"

    def check(self) -> None:
        """Write the checkpoint, measure it, and keep it as the best so far if it is."""
        save(self.network, Description(DEMO, CLASSES, DEMO_PRESET), self._checkpoint)
        segmenter = load(self._checkpoint)
        scenes = [draw_scene(_CHECK_SEED + i, photos_of="training") for i in range(self._plan.checked)]
        found = measure([(scene, find(segmenter, scene.image)) for scene in scenes], CLASSES)
        if found.ap > self.progress.best:
            self.progress.best = found.ap
            shutil.copytree(self._checkpoint, self._work / "best", dirs_exist_ok=True)
        state = json.dumps(asdict(self.progress))
        (self._checkpoint / "progress.json").write_text(state, encoding="utf-8")
        self._report(
            f"checked after {self.progress.steps} steps: mask AP50 {found.ap50:.3f}, AP75 {found.ap75:.3f}, "
            f"AP {found.ap:.3f}; AP50 {', '.join(f'{k} {v:.2f}' for k, v in found.by_size.items())}"
        )


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Train from the command line."""
    parser = argparse.ArgumentParser(prog="python -m instance_segmentation.train", description=__doc__)
    parser.add_argument("--minutes", type=float, default=45.0, help="wall time of training in all")
    parser.add_argument(
        "--work", type=Path, default=Path(".local/instance_segmentation"), help="checkpoints, caches, the log"
    )
    parser.add_argument("--output", type=Path, default=WEIGHTS, help="folder of the weights to write")
    parser.add_argument("--batch-size", type=int, default=Plan.batch_size)
    parser.add_argument("--side", type=int, default=Plan.side, help="pixels of a training image")
    parser.add_argument("--learning-rate", type=float, default=Plan.learning_rate)
    parser.add_argument("--check-minutes", type=float, default=Plan.check_minutes)
    parser.add_argument("--check-scenes", type=int, default=Plan.checked, help="scenes of a check")
    given = parser.parse_args(arguments)
    given.work.mkdir(parents=True, exist_ok=True)

    def report(line: str) -> None:
        print(line, flush=True)
        with (given.work / "train.log").open("a", encoding="utf-8") as out:
            out.write(f"{time.strftime('%H:%M:%S')} {line}\n")

    plan = Plan(
        given.minutes,
        given.batch_size,
        given.side,
        given.learning_rate,
        check_minutes=given.check_minutes,
        checked=given.check_scenes,
    )
    training = Training(plan, given.work, report)
    training.run()
    given.output.mkdir(parents=True, exist_ok=True)
    for file in (given.work / "best").iterdir():
        if file.name != "progress.json":
            shutil.copyfile(file, given.output / file.name)
    print(f"wrote {given.output}; measure it with: python -m instance_segmentation.evaluate")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
