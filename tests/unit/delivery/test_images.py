"""Images: what image.toml says, what is pushed, and what an environment in AWS is told."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from delivery.environments import Environment
from delivery.errors import DeliveryError
from delivery.images import (
    build,
    find_image,
    find_images,
    function_images,
    parse_overrides,
    push,
    released_elsewhere,
)
from delivery.model_folder import find_models
from delivery.project import Project
from local_cloud.image_store import ImageStore, ProcessImage

DIGEST = f"registry/serving-nlp-onnx@sha256:{'b' * 64}"
IMAGE_TOML = """
name = "tiny"
requirements = "requirements.txt"
sources = ["shared_text"]
command = ["python", "-m", "shared_text", "serve"]
[labels]
"com.amazonaws.sagemaker.capabilities.accept-bind-to-port" = "true"
"""


@pytest.fixture
def image_folder(project: Project) -> Path:
    folder = project.model_code_dir / "images" / "tiny"
    folder.mkdir(parents=True)
    (folder / "image.toml").write_text(IMAGE_TOML)
    (folder / "requirements.txt").write_text("")
    return folder


def test_an_image_is_read_with_its_sources_and_labels(project: Project, image_folder: Path) -> None:
    (image,) = find_images(project)
    assert image.name == "tiny"
    assert image.sources == {"shared_text": project.model_code_dir / "shared_text"}
    assert list(image.command)[:2] == ["python", "-m"]
    assert image.labels["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("command =", "commands =", "is incomplete"),
        ('["shared_text"]', '["nowhere"]', "neither in python/model_code nor in python"),
        ("[labels]", "[labels", "cannot be read"),
    ],
)
def test_a_faulty_image_toml_is_named(
    project: Project, image_folder: Path, old: str, new: str, message: str
) -> None:
    path = image_folder / "image.toml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DeliveryError, match=message):
        find_images(project)


def test_an_unknown_image_is_answered_with_the_known_ones(project: Project, image_folder: Path) -> None:
    with pytest.raises(DeliveryError, match="no image 'tinny'") as caught:
        find_image(project, "tinny")
    assert "tiny" in (caught.value.cause or "")


def test_an_image_holds_the_files_of_its_model(project: Project, image_folder: Path) -> None:
    path = image_folder / "image.toml"
    path.write_text('model = "mood"\n' + path.read_text())
    (image,) = find_images(project)
    built = build(project, image, lambda _: None, find_models(project))
    assert (built.app_dir / "model" / "code" / "handler.py").is_file()
    held = built.app_dir / "model" / "weights" / "model.bin"
    assert held.read_bytes() == (project.model_code_dir / "mood" / "weights" / "model.bin").read_bytes()
    assert function_images(project) == {"mood": "tiny"}


def test_an_image_whose_model_is_not_there_is_not_built(project: Project, image_folder: Path) -> None:
    path = image_folder / "image.toml"
    path.write_text('model = "moood"\n' + path.read_text())
    (image,) = find_images(project)
    with pytest.raises(DeliveryError, match="there is none of that name"):
        build(project, image, lambda _: None, find_models(project))
    path.write_text(path.read_text().replace("moood", "mood"))
    (project.model_code_dir / "mood" / "weights" / "model.bin").unlink()
    with pytest.raises(DeliveryError, match="weights of model 'mood' are missing"):
        build(project, find_image(project, "tiny"), lambda _: None, find_models(project))


def test_two_images_cannot_hold_the_same_model(project: Project, image_folder: Path) -> None:
    path = image_folder / "image.toml"
    path.write_text('model = "mood"\n' + path.read_text())
    other = image_folder.parent / "other"
    other.mkdir()
    (other / "image.toml").write_text(path.read_text().replace("tiny", "other"))
    with pytest.raises(DeliveryError, match="both hold the model 'mood'"):
        function_images(project)


def process_image() -> ProcessImage:
    manifest = (
        '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[]}'
    )
    import hashlib

    digest = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
    return ProcessImage(manifest, digest, digest, {}, ("python",), (), {}, Path("app"), Path("python"))


@mock_aws
def test_an_image_is_pushed_once_and_named_by_digest() -> None:
    ecr = boto3.client("ecr", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    created = ecr.create_repository(repositoryName="serving-tiny", imageTagMutability="IMMUTABLE")[
        "repository"
    ]
    repository = {"name": "serving-tiny", "url": created["repositoryUri"]}
    image = process_image()
    uri = f"{created['repositoryUri']}@{image.digest}"
    assert push(ecr, repository, image) == (uri, True)
    assert push(ecr, repository, image) == (uri, False)
    assert (
        ecr.describe_images(repositoryName="serving-tiny")["imageDetails"][0]["imageDigest"] == image.digest
    )


@mock_aws
def test_a_missing_repository_is_explained() -> None:
    ecr = boto3.client("ecr", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with pytest.raises(DeliveryError, match="could not be pushed") as caught:
        push(ecr, {"name": "nowhere", "url": "x"}, process_image())
    assert "foundation" in (caught.value.next_step or "")


def test_an_environment_in_aws_takes_given_then_released_digests(project: Project) -> None:
    dev = Environment("dev", project)
    assert released_elsewhere(dev, "tiny", {"tiny": DIGEST}, {"tiny": "old"}) == DIGEST
    assert released_elsewhere(dev, "tiny", {}, {"tiny": "old"}) == "old"
    with pytest.raises(DeliveryError, match="needs a container image for 'tiny'") as caught:
        released_elsewhere(dev, "tiny", {}, {})
    assert "--image tiny=" in (caught.value.next_step or "")


def test_given_digests_are_parsed_and_tags_refused() -> None:
    assert parse_overrides([f"tiny={DIGEST}"]) == {"tiny": DIGEST}
    for wrong in ("tiny=registry/image:latest", DIGEST, f"={DIGEST}"):
        with pytest.raises(DeliveryError, match="is not understood"):
            parse_overrides([wrong])


def test_the_image_store_is_found_where_local_state_lies(project: Project) -> None:
    assert ImageStore(project.images_dir).root == project.local_dir / "images"
