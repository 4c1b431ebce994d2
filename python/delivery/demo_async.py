"""The demo's second half: an endpoint wakes from zero for pictures and a video, and goes back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from delivery.callers import connect
from delivery.console import Step
from delivery.environments import Environment
from delivery.errors import DeliveryError
from delivery.scenes import draw_picture, draw_video
from delivery.steps import Job as Deployment
from serving_contracts import media_types
from serving_contracts.catalog import Catalog
from serving_contracts.segmentation import Segmentation

if TYPE_CHECKING:
    from serving_clients import Job, Session

TASK = "segmentation"
SEEDS = (5, 22, 24, 12)
VIDEO_SEED = 5
EVERY_NTH_FRAME = 4
RESULT_S = 180.0
SCALING_S = 180.0
"""For each move between zero and one instance: the policies' minutes are seconds at the demo's time scale."""
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Segmented:
    """One file and what was found in it. ``drawn``: what it shows; ``seconds``: from submission to result."""

    file: str
    drawn: Sequence[str]
    found: Sequence[str]
    frames: int
    seconds: float
    annotated: str


@dataclass(slots=True)
class Awakening:
    """How the endpoint left zero and came back, in seconds from the first submission.

    ``alarm_s``: until the policy asked for an instance. ``instance_s``: until it was in service.
    ``first_answer_s``, ``last_answer_s``, ``zero_again_s``: as they say.
    """

    alarm_s: float = 0.0
    instance_s: float = 0.0
    first_answer_s: float = 0.0
    last_answer_s: float = 0.0
    zero_again_s: float = 0.0

    @property
    def container_start_s(self) -> float:
        """From the policy's request to an instance in service."""
        return self.instance_s - self.alarm_s


@dataclass(slots=True)
class AsyncDemo:
    """What the demo shows of an asynchronous endpoint."""

    endpoint: str
    awakening: Awakening = field(default_factory=Awakening)
    files: list[Segmented] = field(default_factory=list)


def segment_everything(deployment: Deployment, folder: Path) -> AsyncDemo | None:
    """Draws pictures and a video into *folder*, has them segmented, and watches the endpoint wake and sleep.

    Returns None where the environment serves no segmentation.

    Raises:
        DeliveryError: the endpoint did not scale, or a result did not come.
    """
    environment, reporter = deployment.environment, deployment.reporter
    with connect(environment) as session:
        name = _endpoint_name(session.catalog)
        if name is None:
            return None
        watch = _Watch(environment, name)
        with reporter.step("asleep", f"waiting until {name} has scaled to zero instances") as step:
            watch.until(lambda: watch.instances == 0, step, "to zero instances")
            step.outcome = f"{name} has no instance"
        demo = AsyncDemo(name)
        with reporter.step("segment", "submitting pictures and a video to the sleeping endpoint") as step:
            files = _draw(folder)
            started = time.monotonic()
            jobs = _submit(session, folder, files)
            step.note(f"{len(jobs)} jobs queued, 0 instances")
            _follow_awakening(watch, step, started, [job for job, _ in jobs.values()], demo.awakening)
            demo.files = [_collect(folder, name, files[name], jobs[name], started) for name in files]
            demo.awakening.last_answer_s = time.monotonic() - started
            step.outcome = f"{len(files)} files, all answered"
        with reporter.step("asleep again", "the policies take the instance away") as step:
            watch.until(lambda: watch.instances == 0, step, "back to zero instances")
            demo.awakening.zero_again_s = time.monotonic() - started
            idle_s = demo.awakening.zero_again_s - demo.awakening.last_answer_s
            step.outcome = f"zero instances {idle_s:.1f} s after the last answer"
    return demo


def print_async_demo(deployment: Deployment, demo: AsyncDemo) -> None:
    """What was found, and how long the endpoint took to wake."""
    table = Table(pad_edge=False)
    for heading in ("file", "drawn", "found", "annotated"):
        table.add_column(heading, overflow="fold")
    table.add_column("seconds", justify="right")
    for item in demo.files:
        drawn, found = _counted(item.drawn), _counted(item.found)
        table.add_row(item.file, drawn, found, item.annotated, f"{item.seconds:.1f}")
    deployment.reporter.console.print(table, soft_wrap=False)
    times = demo.awakening
    deployment.reporter.say(
        f"From zero to the first answer: {times.first_answer_s:.1f} s\n"
        f"  {times.alarm_s:5.1f} s  the alarm's delay, until its policy asked for an instance (the "
        "local clock makes seconds of minutes)\n"
        f"  {times.container_start_s:5.1f} s  the container's start\n"
        f"  {times.first_answer_s - times.instance_s:5.1f} s  the work"
    )


def _endpoint_name(catalog: Catalog) -> str | None:
    for route in catalog.routes(TASK):
        if route.pattern == "async":
            return route.endpoint_name
    return None


def _draw(folder: Path) -> dict[str, Sequence[str]]:
    """File name → what it shows (of the video: in its first frame)."""
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, Sequence[str]] = {}
    for number, seed in enumerate(SEEDS, 1):
        picture = draw_picture(seed)
        (folder / f"picture-{number}.png").write_bytes(picture.png)
        files[f"picture-{number}.png"] = picture.labels
    files["video.mp4"] = draw_video(folder / "video.mp4", VIDEO_SEED)[0]
    return files


def _submit(
    session: Session, folder: Path, files: Mapping[str, Sequence[str]]
) -> dict[str, tuple[Job[Any], Job[Any] | None]]:
    """For each file the job that finds the objects; for a video also one that draws them into it."""
    jobs: dict[str, tuple[Job[Any], Job[Any] | None]] = {}
    for name in files:
        path = folder / name
        if path.suffix == ".mp4":
            found = session.segment(path, every_nth_frame=EVERY_NTH_FRAME)
            drawn = session.segment(path, every_nth_frame=EVERY_NTH_FRAME, accept=media_types.MP4)
            jobs[name] = (found, drawn)
        else:
            jobs[name] = (session.segment(path), None)
    return jobs


def _follow_awakening(
    watch: _Watch, step: Step, started: float, jobs: Sequence[Job[Any]], times: Awakening
) -> None:
    watch.until(lambda: watch.wanted > 0, step, "out of zero instances")
    times.alarm_s = time.monotonic() - started
    step.note(f"{times.alarm_s:.1f} s: the alarm's policy asks for an instance")
    watch.until(lambda: watch.instances > 0, step, "from zero to one instance")
    times.instance_s = time.monotonic() - started
    step.note(f"{times.instance_s:.1f} s: an instance is in service")
    watch.until(lambda: any(job.done() for job in jobs), step, "to the first answer")
    times.first_answer_s = time.monotonic() - started
    step.note(f"{times.first_answer_s:.1f} s: the first answer is there")


def _collect(
    folder: Path, name: str, drawn: Sequence[str], jobs: tuple[Job[Any], Job[Any] | None], started: float
) -> Segmented:
    from serving_clients import overlay

    job, annotating = jobs
    answer: Segmentation = job.result(timeout=RESULT_S)
    seconds = time.monotonic() - started
    annotated = f"{Path(name).stem}.annotated{Path(name).suffix}"
    if annotating is None:
        overlay(folder / name, answer).save(folder / annotated)
    else:
        (folder / annotated).write_bytes(annotating.result(timeout=RESULT_S))
    found = [item.label for item in answer.frames[0].objects]
    return Segmented(name, drawn, found, len(answer.frames), round(seconds, 2), annotated)


def _counted(labels: Sequence[str]) -> str:
    counts = Counter(labels)
    return ", ".join(f"{counts[label]} {label}" for label in sorted(counts)) or "nothing"


class _Watch:
    """Looks at an endpoint: ``instances`` are in service, ``wanted`` is what a policy asked for."""

    def __init__(self, environment: Environment, endpoint_name: str) -> None:
        self._sagemaker = environment.client("sagemaker")
        self._endpoint_name = endpoint_name
        self.instances = self.wanted = -1

    def until(self, condition: Callable[[], bool], step: Step, what: str) -> None:
        """Looks until *condition* holds. Raises DeliveryError after SCALING_S."""
        deadline = time.monotonic() + SCALING_S
        while True:
            self._look()
            if condition():
                return
            if time.monotonic() > deadline:
                raise DeliveryError(
                    f"Endpoint {self._endpoint_name} did not get {what} within {SCALING_S:.0f} s.",
                    cause=f"it has {self.instances} instances and wants {self.wanted}",
                    next_step="`invoke local.status` and `invoke local.logs` show what it does; "
                    "`make down`, then `make demo`, begins anew",
                )
            step.working_on(f"{self._endpoint_name}: {self.instances} instances, {self.wanted} wanted")
            time.sleep(_LOOK_EVERY_S)

    def _look(self) -> None:
        described = self._sagemaker.describe_endpoint(EndpointName=self._endpoint_name)
        variant = described["ProductionVariants"][0]
        self.instances = variant.get("CurrentInstanceCount", 0)
        self.wanted = variant.get("DesiredInstanceCount", self.instances)
