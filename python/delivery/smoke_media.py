"""The smoke test's calls of models that are asked about pictures: through a job, or at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from delivery.callers import connect
from delivery.environments import Environment
from delivery.model_folder import SmokeCase
from delivery.scenes import draw_picture
from serving_contracts.segmentation import Segmentation, SegmentationOptions

if TYPE_CHECKING:
    from serving_clients import EndpointClient, FunctionClient

ANSWER_S = 1200.0
"""Until an answer must be there. On AWS an endpoint at zero needs two minutes for its alarm and some
five more for an instance."""


def ask_about_scene(environment: Environment, endpoint: str, case: SmokeCase) -> Mapping[str, Any]:
    """Submits the drawn scene that the case names (`scene`: its seed; the rest are options) and waits.

    Returns the answer in short: see :func:`summary`.

    Raises:
        ServingError: the job failed, or was not done in time.
        ValueError: the case is none that can be asked.
    """
    options = {**case.request}
    seed = options.pop("scene", None)
    if not isinstance(seed, int):
        raise ValueError("a smoke case of a media task is request = { scene = 7 }, the seed of a drawn scene")
    chosen = SegmentationOptions(**options)
    with connect(environment) as session:
        job = session.segment(
            draw_picture(seed).png,
            content_type="image/png",
            endpoint=endpoint,
            **asdict(chosen),
        )
        return summary(job.result(timeout=ANSWER_S))


def ask_about_photo(client: EndpointClient | FunctionClient, case: SmokeCase) -> Mapping[str, Any]:
    """Sends the photograph that the case names (`photo`; the rest are options) and waits.

    Returns the size and the labels of what was found.

    Raises:
        ServingError: it was not answered.
        ValueError: the case is none that can be asked.
    """
    from object_detection.photos import NAMES, photo

    options = {**case.request}
    name = options.pop("photo", None)
    if name not in NAMES:
        raise ValueError(f"a smoke case of detection is request = {{ photo = … }}: {', '.join(NAMES)}")
    answer = client.detect(photo(name), **options)
    labels = sorted(found.label for found in answer.objects)
    return {"width": answer.width, "height": answer.height, "labels": labels}


def summary(answer: Segmentation) -> dict[str, Any]:
    """What people and smoke cases look at: what was seen, and how large; masks are left out."""
    return {
        "media": answer.media,
        "width": answer.width,
        "height": answer.height,
        "frames": len(answer.frames),
        "labels": sorted(found.label for found in answer.objects),
    }


def missing(wanted: list[Any], got: list[Any]) -> list[Any]:
    """What of *wanted* is not in *got*, as often as it is wanted."""
    return sorted((Counter(wanted) - Counter(got)).elements())
