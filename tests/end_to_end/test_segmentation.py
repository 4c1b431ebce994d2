"""The segmentation endpoint that Terraform made, asked through the client library."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from asynchronous import AsyncEndpoint, deployed_async_endpoint, wait_for
from deployed import Deployment
from PIL import Image

import serving_clients
from delivery.scenes import draw_picture, draw_video
from serving_clients import JobFailed, Session
from serving_clients.pictures import mask_array

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def session(deployment: Deployment) -> Iterator[Session]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in deployment.environment.items():
            patch.setenv(name, value)
        with serving_clients.connect("local") as session:
            yield session


@pytest.fixture(scope="module")
def endpoint(deployment: Deployment) -> AsyncEndpoint:
    return deployed_async_endpoint(deployment, "image-segmentation")


def test_it_wakes_from_zero_and_goes_back_by_the_policies_that_terraform_made(
    session: Session, endpoint: AsyncEndpoint
) -> None:
    scaling = endpoint.deployment.client("application-autoscaling")
    wait_for(lambda: not endpoint.containers(), 90, "zero instances")
    answer = session.segment(draw_picture(11).png).result(timeout=90)
    assert answer.objects
    wait_for(lambda: not endpoint.containers(), 90, "zero instances again")
    activities = [
        activity
        for activity in scaling.describe_scaling_activities(ServiceNamespace="sagemaker")["ScalingActivities"]
        if endpoint.name in activity["ResourceId"]
    ]
    assert all(activity["StatusCode"] == "Successful" for activity in activities)
    policies = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    types = {policy["PolicyName"]: policy["PolicyType"] for policy in policies}
    acted = {activity["Cause"]: {n for n in types if n in activity["Cause"]} for activity in activities}
    assert all(acted.values()), f"something else than a policy has scaled: {acted}"
    assert {types[name] for names in acted.values() for name in names} == {
        "StepScaling",
        "TargetTrackingScaling",
    }


def test_a_picture_gets_its_objects_with_boxes_and_masks_in_its_own_pixels(session: Session) -> None:
    picture = draw_picture(12, width=700, height=500)
    answer = session.segment(picture.png, score_threshold=0.6).result(timeout=120)
    assert (answer.media, answer.width, answer.height, len(answer.frames)) == ("image", 700, 500, 1)
    assert answer.objects
    for found in answer.objects:
        xmin, ymin, xmax, ymax = found.box
        assert 0 <= xmin < xmax <= 700
        assert 0 <= ymin < ymax <= 500
        assert found.score >= 0.6
        mask = mask_array(found.mask)
        assert mask.shape == (500, 700)
        rows, columns = np.nonzero(mask)
        assert columns.min() >= int(xmin) - 1
        assert columns.max() <= xmax + 1
        assert rows.min() >= int(ymin) - 1
        assert rows.max() <= ymax + 1


def test_the_same_picture_gets_the_same_answer_to_the_last_digit(session: Session) -> None:
    png = draw_picture(13).png
    first, second = session.gather([session.segment(png), session.segment(png)], timeout=120)
    assert first == second


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_every_kind_of_picture_is_read(session: Session, format_: str) -> None:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(draw_picture(12).png)).save(buffer, format=format_, quality=95)
    assert session.segment(buffer.getvalue()).result(timeout=120).objects


def test_an_array_of_pixels_is_read(session: Session) -> None:
    pixels = np.asarray(Image.open(io.BytesIO(draw_picture(12).png)).convert("RGB"))
    buffer = io.BytesIO()
    np.save(buffer, pixels, allow_pickle=False)
    answer = session.segment(buffer.getvalue(), content_type="application/x-npy").result(timeout=120)
    assert answer.objects == session.segment(draw_picture(12).png).result(timeout=120).objects


def test_every_nth_frame_of_a_video_is_looked_at_up_to_a_limit(session: Session, tmp_path: Path) -> None:
    shown = draw_video(tmp_path / "video.mp4", 5, seconds=2)
    job = session.segment(tmp_path / "video.mp4", every_nth_frame=6, max_frames=3)
    answer = job.result(timeout=120)
    assert len(shown) == 24
    assert [frame.index for frame in answer.frames] == [0, 6, 12]
    assert [round(frame.time_s, 2) for frame in answer.frames] == [0.0, 0.5, 1.0]
    assert answer.truncated
    assert answer.objects


def test_the_picture_itself_comes_back_annotated(session: Session) -> None:
    original = np.asarray(Image.open(io.BytesIO(draw_picture(12).png)).convert("RGB")).astype(int)
    png = session.segment(draw_picture(12).png, accept="image/png").result(timeout=120)
    drawn = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    assert drawn.shape == original.shape
    assert (np.abs(drawn - original).max(axis=2) > 30).mean() > 0.01


def test_the_client_draws_what_was_found(session: Session, tmp_path: Path) -> None:
    (tmp_path / "scene.png").write_bytes(draw_picture(12).png)
    answer = session.segment(tmp_path / "scene.png").result(timeout=120)
    picture = serving_clients.overlay(tmp_path / "scene.png", answer)
    assert picture.size == (answer.width, answer.height)


def test_a_folder_is_segmented_in_the_order_of_its_names(session: Session, tmp_path: Path) -> None:
    for number in range(4):
        picture = draw_picture(number, width=320 + number, height=240)
        (tmp_path / f"{number}.png").write_bytes(picture.png)
    answers = session.gather(session.segment(tmp_path), timeout=120)
    assert [answer.width for answer in answers] == [320, 321, 322, 323]


def test_a_job_is_found_again_by_its_id(session: Session) -> None:
    job = session.segment(draw_picture(12).png)
    again = session.job(job.id)
    assert again.result(timeout=120) == job.result(timeout=120)
    assert again.done()


def test_a_job_that_fails_says_why(session: Session) -> None:
    job = session.segment(b"These are words and no picture.", content_type="image/png")
    with pytest.raises(JobFailed) as failure:
        job.result(timeout=120)
    assert "no image that can be read" in str(failure.value)


async def test_the_async_client_does_the_same(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in deployment.environment.items():
        monkeypatch.setenv(name, value)
    async with await serving_clients.aconnect("local") as session:
        jobs = [await session.segment(draw_picture(seed).png) for seed in (11, 12)]
        async with asyncio.timeout(120):
            answers = await session.gather(jobs)
    assert all(answer.objects for answer in answers)
