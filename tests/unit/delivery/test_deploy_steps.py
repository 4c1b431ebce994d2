"""Parts of a deployment that need no cloud: stale state, steps on a stub of AWS, the foundation."""

from __future__ import annotations

import dataclasses
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from delivery import environments, steps
from delivery.console import Reporter
from delivery.deploy import apply_kept_plan, ensure_foundation, forget_stale_state
from delivery.environments import Environment
from delivery.errors import DeliveryError
from delivery.foundation import Foundation, foundation_terraform, read_foundation
from delivery.model_sources import parse_sources
from delivery.project import Project
from delivery.release import Release, read_release, write_release
from delivery.steps import Job
from delivery.terraform import STATE_FOLDER
from delivery.terraform_binary import TerraformBinary

BUCKET = "serving-artifacts"
URI = f"registry/serving-nlp-onnx@sha256:{'c' * 64}"
FOUNDATION = {
    "artifact_bucket": BUCKET,
    "kms_key_arn": "arn",
    "repositories": {"nlp_onnx": {"name": "n", "url": "u"}},
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """moto inside this process, for clients of every environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    environments._client.cache_clear()
    with mock_aws():
        yield
    environments._client.cache_clear()


def job_of(project: Project, reporter: Reporter, name: str = "dev", **overrides: str) -> Job:
    root = project.terraform_dir / "envs" / name
    root.mkdir(parents=True, exist_ok=True)
    (root / "main.tf").write_text('variable "region" {\n  default = "ap-northeast-2"\n}\n')
    (root / "variables.tf").write_text('variable "region" {\n  default = "ap-northeast-2"\n}\n')
    return Job(Environment(name, project), TerraformBinary(("false",), "nowhere"), reporter, overrides)


def publish_foundation(text: str) -> None:
    ssm = boto3.client("ssm", region_name="ap-northeast-2")
    ssm.put_parameter(Name="/serving/dev/foundation", Value=text, Type="String", Overwrite=True)


def test_the_foundation_is_read_from_its_parameter(aws: None, project: Project, reporter: Reporter) -> None:
    job = job_of(project, reporter)
    assert read_foundation(job.environment) is None
    publish_foundation(json.dumps(FOUNDATION))
    found = read_foundation(job.environment)
    assert found is not None
    assert found.artifact_bucket == BUCKET
    assert found.repository("nlp_onnx")["name"] == "n"
    with pytest.raises(DeliveryError, match="no repository for the image 'vision'"):
        found.repository("vision")


def test_a_parameter_that_is_no_foundation_is_named(aws: None, project: Project, reporter: Reporter) -> None:
    publish_foundation("[]")
    with pytest.raises(DeliveryError, match="is not a foundation"):
        read_foundation(job_of(project, reporter).environment)


def test_an_environment_in_aws_gets_no_foundation_unasked(
    aws: None, project: Project, reporter: Reporter
) -> None:
    with pytest.raises(DeliveryError, match="'dev' has no foundation") as caught:
        ensure_foundation(job_of(project, reporter))
    assert "`invoke foundation --env dev`" in (caught.value.next_step or "")


def test_the_foundation_of_an_unknown_environment_asks_for_its_tfvars(
    project: Project, reporter: Reporter
) -> None:
    job = job_of(project, reporter)
    with pytest.raises(DeliveryError, match="knows no environment 'dev'") as caught:
        foundation_terraform(job.environment, job.binary)
    assert "terraform/foundation/dev.tfvars" in (caught.value.next_step or "")


def test_only_archives_that_are_missing_are_uploaded(
    aws: None, project: Project, reporter: Reporter, printed: io.StringIO
) -> None:
    s3 = boto3.client("s3", region_name="ap-northeast-2")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    job = job_of(project, reporter)
    foundation = Foundation(BUCKET, {})
    first = steps.package(job, foundation)
    assert "1 uploaded" in printed.getvalue()
    stored = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert first == {"mood": f"s3://{BUCKET}/{stored[0]['Key']}"}
    assert steps.package(job, foundation) == first
    assert "nothing to upload" in printed.getvalue()
    assert s3.list_objects_v2(Bucket=BUCKET)["Contents"] == stored


def test_the_release_names_every_model_and_is_written_once(project: Project, reporter: Reporter) -> None:
    job = job_of(project, reporter)
    release = steps.release(job, {"mood": "s3://b/k"}, {"nlp_onnx": URI})
    assert release.models["mood"].archive == "s3://b/k"
    stamp = job.environment.release_file.stat().st_mtime_ns
    steps.release(job, {"mood": "s3://b/k"}, {"nlp_onnx": URI})
    assert job.environment.release_file.stat().st_mtime_ns == stamp


def test_a_source_named_on_the_command_line_is_what_is_uploaded_and_released(
    aws: None, project: Project, fetcher: Path, reporter: Reporter
) -> None:
    s3 = boto3.client("s3", region_name="ap-northeast-2")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    fetcher.write_text(fetcher.read_text(encoding="utf-8").replace("0123abc", ""), encoding="utf-8")
    plain = job_of(project, reporter)
    job = dataclasses.replace(plain, sources=parse_sources([f"mood=hub@{'a' * 40}"]))
    archives = steps.package(job, Foundation(BUCKET, {}))
    steps.release(job, archives, {"nlp_onnx": URI})

    released = read_release(job.environment.release_file)
    assert released is not None
    bucket, key = released.models["mood"].archive.removeprefix("s3://").split("/", 1)
    with tarfile.open(fileobj=io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())) as tar:
        weights = tar.extractfile("weights/model.bin")
        assert weights is not None
        assert weights.read().decode() == f"someone/some-model@{'a' * 40}"
    (made,) = steps.archive_only(reporter, project, steps.chosen_models(job))
    assert made.key == key
    assert steps.package(plain, Foundation(BUCKET, {}))["mood"] != archives["mood"]


def test_an_environment_in_aws_builds_nothing_and_keeps_its_released_image(
    project: Project, reporter: Reporter
) -> None:
    folder = project.model_code_dir / "images" / "nlp_onnx"
    folder.mkdir(parents=True)
    (folder / "image.toml").write_text('name = "nlp_onnx"\nsources = []\ncommand = ["python"]\n')
    job = job_of(project, reporter)
    write_release(job.environment.release_file, Release({"nlp_onnx": URI}))
    assert steps.build_images(job, list) == {}
    assert steps.push_images(job, Foundation(BUCKET, {}), {}) == {"nlp_onnx": URI}


def test_an_environment_in_aws_goes_without_the_image_of_a_function_that_nobody_gave(
    project: Project, reporter: Reporter, printed: io.StringIO
) -> None:
    """Whether a function of the environment needs it only Terraform knows."""
    for name, text in {"nlp_onnx": "", "lambda_mood": 'model = "mood"\n'}.items():
        folder = project.model_code_dir / "images" / name
        folder.mkdir(parents=True)
        (folder / "image.toml").write_text(f'name = "{name}"\n{text}sources = []\ncommand = ["python"]\n')
    job = job_of(project, reporter, nlp_onnx=URI)
    uris = steps.push_images(job, Foundation(BUCKET, {}), {})
    assert uris == {"nlp_onnx": URI}
    assert "functions with the model mood need --image lambda_mood=<registry>" in printed.getvalue()
    assert steps.release(job, {"mood": "s3://b/k"}, uris).models["mood"].function_image is None

    given = dataclasses.replace(job, image_overrides={"nlp_onnx": URI, "lambda_mood": URI})
    steps.release(job, {"mood": "s3://b/k"}, steps.push_images(given, Foundation(BUCKET, {}), {}))
    released = read_release(job.environment.release_file)
    assert released is not None
    assert released.models["mood"].function_image == "lambda_mood"
    # The next deployment needs not be told again.
    assert steps.push_images(job, Foundation(BUCKET, {}), {}) == {"nlp_onnx": URI, "lambda_mood": URI}


def test_applying_wants_a_plan_first(project: Project, reporter: Reporter) -> None:
    with pytest.raises(DeliveryError, match="no plan for environment 'dev'"):
        apply_kept_plan(job_of(project, reporter))


def test_state_of_a_local_cloud_that_is_gone_is_forgotten(
    project: Project, reporter: Reporter, printed: io.StringIO
) -> None:
    job = job_of(project, reporter, "local")
    state = project.terraform_state_dir / "local" / STATE_FOLDER / "terraform.tfstate"

    def cloud_started_at(moment: str) -> None:
        project.cloud_dir.mkdir(parents=True, exist_ok=True)
        cloud = {"url": "u", "pid": 1, "port": 1, "started_at": moment, "account": "a", "region": "r"}
        project.cloud_file.write_text(json.dumps(cloud))

    def deployed() -> None:
        state.parent.mkdir(parents=True, exist_ok=True)
        state.write_text("{}")

    cloud_started_at("noon")
    forget_stale_state(job)
    deployed()
    forget_stale_state(job)
    assert state.exists()
    cloud_started_at("midnight")
    forget_stale_state(job)
    assert not state.exists()
    assert "1 state files of an earlier local cloud removed" in printed.getvalue()
