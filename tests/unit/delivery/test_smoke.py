"""What the smoke test calls, and how it judges an answer."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from moto import mock_aws
from rich.cells import cell_len
from rich.console import Console

from delivery import environments, smoke
from delivery.console import Reporter
from delivery.environments import Environment
from delivery.errors import DeliveryError
from delivery.model_folder import ModelFolder, SmokeCase, find_models
from delivery.project import Project
from delivery.smoke import (
    SmokeResult,
    judge,
    print_results,
    readable_answer,
    readable_request,
    run_smoke,
    shorten,
)
from delivery.smoke_media import ask_about_photo
from delivery.smoke_targets import DeployedContainer, Variants, read_variants, targets
from serving_clients import InvokeResult
from serving_contracts.catalog import Catalog, CatalogEndpoint, ContainerEntry, FunctionEntry

ANSWER = {"predicted_label": "Pos", "score": 0.9, "sentences": [1, 2]}


@pytest.mark.parametrize(
    ("expect", "faults"),
    [
        ({}, []),
        ({"predicted_label": "Pos"}, []),
        ({"predicted_label": "Neg"}, ["predicted_label is 'Pos', expected 'Neg'"]),
        ({"score": {"min": 0.5, "max": 0.95}}, []),
        ({"score": {"min": 0.95}}, ["score is 0.9, expected at least 0.95"]),
        ({"score": {"max": 0.5}}, ["score is 0.9, expected at most 0.5"]),
        ({"sentences": {"min": 1, "max": 2}}, []),
        ({"label": "Pos"}, ["the answer has no field 'label'"]),
        ({"sentences": {"contains": [2]}}, []),
        ({"sentences": {"contains": [2, 2]}}, ["sentences is [1, 2], expected 2 in it"]),
        ({"score": {"contains": ["star"]}}, ["score is 0.9, expected 'star' in it"]),
    ],
)
def test_an_answer_is_judged_field_by_field(expect: dict[str, object], faults: list[str]) -> None:
    assert list(judge(ANSWER, expect)) == faults


def endpoint(mode: str, tasks: str = "sentiment sentiment") -> CatalogEndpoint:
    containers = {
        name: ContainerEntry(task, "mood")
        for name, task in zip(("first", "second"), tasks.split(), strict=True)
    }
    return CatalogEndpoint("multi_container", "serving-dev-x", mode, ("blue", "green"), containers)  # type: ignore[arg-type]


def deployed(*models: str) -> list[DeployedContainer]:
    return [DeployedContainer(name, model) for name, model in zip(("first", "second"), models, strict=True)]


BOTH = {"blue": deployed("mood", "mood"), "green": deployed("mood", "other")}


@pytest.fixture
def models(project: Project, other_model: Path) -> dict[str, ModelFolder]:
    return {model.name: model for model in find_models(project)}


def test_every_container_of_every_variant_of_a_direct_endpoint_is_called(
    models: dict[str, ModelFolder],
) -> None:
    models["other"] = dataclasses.replace(models["other"], smoke_cases=[SmokeCase({"text": "b"}, {})])
    found = list(targets(endpoint("Direct"), BOTH, models))
    assert [(target.variant, target.container) for target in found] == [
        ("blue", "first"),
        ("blue", "second"),
        ("green", "first"),
        ("green", "second"),
    ]
    # Each variant is asked what its own model expects, not what that of another variant does.
    assert [target.cases for target in found] == [
        models[name].smoke_cases for name in ("mood", "mood", "mood", "other")
    ]


def test_a_pipeline_of_one_task_is_called_as_a_whole_in_every_variant(models: dict[str, ModelFolder]) -> None:
    found = list(targets(endpoint("Serial"), BOTH, models))
    assert [(target.variant, target.container) for target in found] == [("blue", None), ("green", None)]
    assert found[1].cases == models["other"].smoke_cases


def test_a_pipeline_of_several_tasks_is_asked_by_its_first_and_answers_by_its_last(
    models: dict[str, ModelFolder],
) -> None:
    # The catalog sorts by name; SageMaker knows the order.
    order = [DeployedContainer("second", "other"), DeployedContainer("first", "mood")]
    (blue, _) = targets(endpoint("Serial", "similarity sentiment"), {"blue": order}, models)
    assert (blue.asked, blue.answered, blue.container) == ("sentiment", "similarity", None)
    assert [(case.request, case.expect) for case in blue.cases] == [({"text": "좋아요"}, {})]


def test_what_cannot_be_called_is_named_with_what_to_do(models: dict[str, ModelFolder]) -> None:
    models["mood"] = dataclasses.replace(models["mood"], smoke_cases=[])
    stray = [DeployedContainer("first", "gone"), DeployedContainer("third", "mood")]
    found = list(targets(endpoint("Direct"), {"blue": [*deployed("mood", "mood"), *stray]}, models))
    assert [target.cases for target in found] == [()] * 5
    assert "add [smoke] cases to mood/model.toml" in found[0].obstacle
    assert "no model 'gone' (it has: mood, other)" in found[2].obstacle
    assert "catalog does not name this container" in found[3].obstacle
    assert (found[4].variant, "SageMaker does not" in found[4].obstacle) == ("green", True)
    (serial, _) = targets(
        endpoint("Serial", "sentiment similarity"), {"blue": deployed("mood", "other")}, models
    )
    assert "add [smoke] cases to mood/model.toml" in serial.obstacle


class Recorded:
    """An endpoint that answers as its table says, and writes down what it was asked."""

    def __init__(self, answers_as: str = "") -> None:
        self.answers_as = answers_as
        self.asked: list[tuple[str | None, str | None]] = []

    def invoke(
        self, body: bytes, *, content_type: str, target_container: str | None, target_variant: str | None
    ) -> InvokeResult:
        self.asked.append((target_variant, target_container))
        answer = b'{"predicted_label": "Pos", "score": 0.9, "scores": {"Pos": 0.9, "Neg": 0.1}}'
        return InvokeResult(answer, content_type, self.answers_as or str(target_variant))


def run(
    project: Project,
    reporter: Reporter,
    monkeypatch: pytest.MonkeyPatch,
    endpoints: dict[str, CatalogEndpoint],
    variants: Variants = BOTH,
    client: Recorded | None = None,
) -> list[SmokeResult]:
    catalog = Catalog("dev", "eu-west-1", endpoints)
    answering = client or Recorded()
    monkeypatch.setattr(smoke, "connect", lambda _: contextlib.nullcontext(SimpleNamespace(catalog=catalog)))
    monkeypatch.setattr(smoke, "read_variants", lambda *_: variants)
    monkeypatch.setattr(smoke, "endpoint_client", lambda *_: answering)
    return run_smoke(Environment("dev", project), reporter)


def test_both_variants_of_an_a_b_endpoint_are_called(
    project: Project,
    other_model: Path,
    reporter: Reporter,
    printed: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = Recorded()
    results = run(project, reporter, monkeypatch, {"x": endpoint("Direct")}, client=client)
    wanted = [("blue", "first"), ("blue", "second"), ("green", "first"), ("green", "second")]
    assert client.asked == [*wanted]
    assert [(result.variant, result.container) for result in results] == wanted
    assert "4 calls, all as expected" in printed.getvalue()
    assert "variant" in printed.getvalue()


@pytest.mark.parametrize("width", [80, 140])
def test_long_korean_texts_leave_room_for_marks_names_and_times(width: int) -> None:
    printed = io.StringIO()
    text = "서울시는 내년부터 심야버스를 두 배로 늘린다고 밝혔다. " * 3
    result = SmokeResult(
        "korean-nlp", "", "summarization", "t", {"text": text}, {"summary": text}, 0.0123, ()
    )
    print_results(Reporter(Console(file=printed, width=width)), [result])
    (line,) = printed.getvalue().splitlines()[1:]
    assert line.startswith("✓  korean-nlp")
    assert line.rstrip().endswith(" 12.3")
    assert cell_len(line) <= width


def test_a_variant_that_is_answered_for_by_another_is_a_fault(
    project: Project, other_model: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeliveryError) as caught:
        run(project, reporter, monkeypatch, {"x": endpoint("Direct")}, client=Recorded(answers_as="blue"))
    assert "x/green/first: variant 'blue' answered in place of 'green'" in (caught.value.cause or "")
    assert "x/blue" not in (caught.value.cause or "")


def test_nothing_deployed_is_no_success(
    project: Project, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeliveryError, match="no endpoint that could be called"):
        run(project, reporter, monkeypatch, {})


def test_a_container_that_was_not_called_fails_the_smoke_test_by_name(
    project: Project,
    other_model: Path,
    reporter: Reporter,
    printed: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    toml = other_model / "model.toml"
    toml.write_text(toml.read_text(encoding="utf-8").split("[[smoke")[0], encoding="utf-8")
    with pytest.raises(DeliveryError, match="smoke test failed") as caught:
        run(project, reporter, monkeypatch, {"x": endpoint("Direct")})
    assert (
        caught.value.cause == "x/green/second: not called: add [smoke] cases to other/model.toml of 'other'"
    )


def test_what_runs_is_read_from_sagemaker(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    environments._client.cache_clear()
    environment = Environment("dev", project)
    url = f"s3://bucket/models/%s/{'0' * 64}/model.tar.gz"
    role = "arn:aws:iam::123456789012:role/serving"
    with mock_aws():
        sagemaker = environment.client("sagemaker")
        with pytest.raises(DeliveryError, match="does not say what runs behind endpoint 'serving-dev-x'"):
            read_variants(environment, endpoint("Direct"))
        pair = [
            {"ContainerHostname": hostname, "Image": "i", "ModelDataUrl": url % model}
            for hostname, model in (("second", "other"), ("first", "mood"))
        ]
        sagemaker.create_model(ModelName="pair", Containers=pair, ExecutionRoleArn=role)
        alone = {"Image": "i", "ModelDataUrl": "s3://elsewhere/model.tar.gz"}
        sagemaker.create_model(ModelName="alone", PrimaryContainer=alone, ExecutionRoleArn=role)
        for name, variants in (("serving-dev-x", ("blue", "green")), ("serving-dev-y", ("blue",))):
            sagemaker.create_endpoint_config(
                EndpointConfigName=name,
                ProductionVariants=[
                    {
                        "VariantName": variant,
                        "ModelName": "pair" if name.endswith("x") else "alone",
                        "InitialInstanceCount": 1,
                        "InstanceType": "ml.m5.large",
                    }
                    for variant in variants
                ],
            )
            sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        order = [DeployedContainer("second", "other"), DeployedContainer("first", "mood")]
        assert read_variants(environment, endpoint("Serial")) == {"blue": order, "green": order}
        single = CatalogEndpoint(
            "multi_container",
            "serving-dev-y",
            "Single",
            ("blue",),
            {"only": ContainerEntry("sentiment", "mood")},
        )
        assert read_variants(environment, single) == {"blue": [DeployedContainer("only", "mood")]}
    environments._client.cache_clear()


FUNCTION = CatalogEndpoint(
    "lambda",
    "serving-dev-f",
    "Single",
    containers={"mood": ContainerEntry("sentiment", "mood")},
    function=FunctionEntry("live", 30),
)


class RecordedFunction:
    """A function that always answers the same, and writes down by which qualifier it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def client(self, _: Environment, name: str, qualifier: str) -> SimpleNamespace:
        def invoke(body: bytes, *, content_type: str) -> InvokeResult:
            self.asked.append((name, qualifier))
            return InvokeResult(b'{"predicted_label": "Pos", "score": 0.9}', content_type, qualifier)

        return SimpleNamespace(invoke=invoke)


def test_every_version_behind_the_alias_of_a_function_is_called(
    project: Project, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = RecordedFunction()
    asked: list[dict[str, str]] = []

    def get_alias(**names: str) -> dict[str, object]:
        asked.append(names)
        return {"FunctionVersion": "3", "RoutingConfig": {"AdditionalVersionWeights": {"4": 0.1}}}

    monkeypatch.setattr(Environment, "client", lambda *_: SimpleNamespace(get_alias=get_alias))
    monkeypatch.setattr(smoke, "function_client", function.client)
    results = run(project, reporter, monkeypatch, {"f": FUNCTION})
    assert asked == [{"FunctionName": "serving-dev-f", "Name": "live"}]
    assert function.asked == [("serving-dev-f", "3"), ("serving-dev-f", "4")]
    assert [(result.variant, result.faults) for result in results] == [("3", ()), ("4", ())]


def test_a_photograph_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"request = \{ photo = … \}: cat, "):
        ask_about_photo(SimpleNamespace(), SmokeCase({"photo": "unicorn"}, {}))  # type: ignore[arg-type]


def test_requests_and_answers_fit_in_a_table() -> None:
    assert readable_request({"texts": ["가", "나"]}) == "가 | 나"
    assert readable_answer({"predicted_label": "Pos", "score": 0.98765}) == "Pos, score 0.988"
    assert shorten("a\nb  c" + "x" * 100, 10) == "a b cxxxx…"
