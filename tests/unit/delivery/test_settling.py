"""A plan is applied when SageMaker takes changes, and not before."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delivery import settling
from delivery.console import Reporter, Step
from delivery.environments import Environment
from delivery.errors import DeliveryError
from delivery.project import Project
from delivery.settling import wait_until_settled


class SageMaker:
    """Lists endpoints: what it is given, one list a call, the last one for ever."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls = 0

    def get_paginator(self, operation: str) -> SageMaker:
        assert operation == "list_endpoints"
        return self

    def paginate(self, NameContains: str) -> Iterator[dict[str, Any]]:
        assert NameContains == "serving-dev-"
        self.calls += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        for name, status in answer.items():
            yield {"Endpoints": [{"EndpointName": name, "EndpointStatus": status}]}


@pytest.fixture
def waiting(project: Project, reporter: Reporter, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that waits for a SageMaker's endpoints; returns how often it looked."""

    def wait(sagemaker: SageMaker, deadline_s: float = 30) -> int:
        monkeypatch.setattr(settling, "_LOOK_EVERY_S", 0)
        monkeypatch.setattr(Environment, "client", lambda self, service: sagemaker)
        wait_until_settled(Environment("dev", project), Step(reporter, "apply"), deadline_s=deadline_s)
        return sagemaker.calls

    return wait


def test_endpoints_that_nobody_changes_are_not_waited_for(waiting: Any) -> None:
    assert waiting(SageMaker({"serving-dev-a": "InService", "serving-dev-b": "Failed"})) == 1
    assert waiting(SageMaker({})) == 1


def test_a_change_in_progress_is_waited_for(waiting: Any) -> None:
    scaling = {"serving-dev-a": "InService", "serving-dev-b": "Updating"}
    assert waiting(SageMaker(scaling, scaling, {"serving-dev-b": "InService"})) == 3


def test_endpoints_of_others_do_not_matter(waiting: Any) -> None:
    assert waiting(SageMaker({"other-serving-dev-a": "Updating"})) == 1


def test_a_change_without_end_is_named(waiting: Any) -> None:
    with pytest.raises(DeliveryError, match="no second change") as refusal:
        waiting(SageMaker({"serving-dev-b": "RollingBack"}), deadline_s=0)
    assert refusal.value.cause == "serving-dev-b is RollingBack"


def test_who_may_not_list_endpoints_may_still_apply(waiting: Any, printed: io.StringIO) -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListEndpoints")
    assert waiting(SageMaker(denied)) == 1
    assert "cannot be listed" in printed.getvalue()
