"""Plans as people read them, from what ``terraform show -json`` printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from delivery.plan_summary import summarise

RECORDED = json.loads((Path(__file__).parent / "data" / "plan.json").read_text(encoding="utf-8"))


def plan_of(*changes: dict[str, Any], **outputs: Any) -> dict[str, Any]:
    resources = [
        {"address": f"aws_thing.n{number}", "type": "aws_thing", "change": change}
        for number, change in enumerate(changes)
    ]
    return {"resource_changes": resources, "output_changes": outputs}


def test_a_recorded_plan_is_summed_up() -> None:
    summary = summarise(RECORDED)
    assert summary.headline == "1 to create, 1 to change, 1 to REPLACE, 1 to DESTROY"
    assert summary.render().splitlines() == [
        "1 to create, 1 to change, 1 to REPLACE, 1 to DESTROY",
        "- DESTROY terraform_data.gone  [delete because no resource config]",
        "± REPLACE terraform_data.replaced  [replace because cannot update]",
        '    triggers_replace: "one" → "two"  (forces replacement)',
        "    output: 1 → (known after apply)",
        "~ change  terraform_data.changed",
        '    input: "small" → "large"',
        '    output: "small" → (known after apply)',
        "+ create  terraform_data",
        "outputs: size",
    ]


def test_nothing_is_no_changes() -> None:
    summary = summarise(plan_of({"actions": ["no-op"]}, size={"actions": ["no-op"]}))
    assert summary.is_empty
    assert summary.headline == "no changes"


def test_only_outputs_are_said_to_be_only_outputs() -> None:
    summary = summarise(plan_of(size={"actions": ["update"]}))
    assert not summary.is_empty
    assert summary.headline == "only outputs change"


@pytest.mark.parametrize("actions", [["delete", "create"], ["create", "delete"]])
def test_both_orders_of_replacing_are_replacing(actions: list[str]) -> None:
    assert summarise(plan_of({"actions": actions, "before": {}, "after": {}})).count("replace") == 1


def test_secrets_are_not_shown() -> None:
    change = {
        "actions": ["update"],
        "before": {"password": "hunter2"},
        "after": {"password": "hunter3"},
        "before_sensitive": {"password": True},
        "after_sensitive": {"password": True},
    }
    text = summarise(plan_of(change)).render()
    assert "hunter" not in text
    assert "password: (sensitive) → (sensitive)" in text


def test_parts_that_hold_nothing_secret_are_shown() -> None:
    change = {
        "actions": ["update"],
        "before": {"logging_config": [{"log_format": "Text"}], "tracing_config": [{"mode": "Active"}]},
        "after": {"logging_config": [{"log_format": "JSON"}], "tracing_config": [{"mode": "Active"}]},
        "before_sensitive": {"logging_config": [{}], "tracing_config": [{}]},
        "after_sensitive": {"logging_config": [{}], "tracing_config": [{}]},
        "after_unknown": {"logging_config": [{}], "tracing_config": [{}]},
    }
    (found,) = summarise(plan_of(change)).changes
    (attribute,) = found.attributes
    assert attribute.path == "logging_config[0].log_format"
    assert (attribute.before, attribute.after) == ('"Text"', '"JSON"')


def test_of_a_block_only_what_changes_is_shown_and_what_was_never_said_is_not() -> None:
    block = {"memory_size_in_mb": 1024, "max_concurrency": 5, "provisioned_concurrency": 0}
    variant = {"variant_name": "blue", "instance_type": "", "serverless_config": [block]}
    change = {
        "actions": ["create", "delete"],
        "before": {"kms_key_arn": "", "production_variants": [variant]},
        "after": {
            "kms_key_arn": None,
            "production_variants": [
                {
                    "variant_name": "blue",
                    "instance_type": None,
                    "serverless_config": [{**block, "max_concurrency": 8, "provisioned_concurrency": None}],
                }
            ],
        },
        "after_unknown": {"production_variants": [{"serverless_config": [{}]}]},
        "replace_paths": [["production_variants", 0, "serverless_config", 0, "max_concurrency"]],
    }
    (attribute,) = summarise(plan_of(change)).changes[0].attributes
    assert attribute.path == "production_variants[0].serverless_config[0].max_concurrency"
    assert (attribute.before, attribute.after, attribute.forces_replacement) == ("5", "8", True)


def test_a_block_that_comes_with_unknown_parts_is_said_to_be_unknown() -> None:
    change = {
        "actions": ["update"],
        "before": {"routing_config": []},
        "after": {"routing_config": [{}]},
        "after_unknown": {"routing_config": [{"additional_version_weights": True}]},
    }
    (attribute,) = summarise(plan_of(change)).changes[0].attributes
    assert (attribute.before, attribute.after) == ("[]", "(known after apply)")


def test_a_secret_deep_inside_hides_its_attribute() -> None:
    change = {
        "actions": ["update"],
        "before": {"environment": [{"variables": {"TOKEN": "hunter2"}}]},
        "after": {"environment": [{"variables": {"TOKEN": "hunter3"}}]},
        "before_sensitive": {"environment": [{"variables": {"TOKEN": True}}]},
        "after_sensitive": {"environment": [{}]},
    }
    assert "hunter" not in summarise(plan_of(change)).render()


def test_long_values_are_shown_from_where_they_part() -> None:
    shared = "x" * 500
    change = {
        "actions": ["update"],
        "before": {"value": shared + ' "timeout": 30' + "y" * 500},
        "after": {"value": shared + ' "timeout": 20' + "y" * 500},
    }
    (attribute,) = summarise(plan_of(change)).changes[0].attributes
    assert attribute.before.startswith("…x")
    assert len(attribute.before) <= 60
    assert "30yy" in attribute.before
    assert "20yy" in attribute.after


def test_what_is_computed_anyway_is_left_out_unless_it_forces_a_replacement() -> None:
    change = {
        "actions": ["delete", "create"],
        "before": {"arn": "a", "id": "1", "name": "x"},
        "after": {"name": "y"},
        "after_unknown": {"arn": True, "id": True},
        "replace_paths": [["name"]],
    }
    (found,) = summarise(plan_of(change)).changes
    assert [attribute.path for attribute in found.attributes] == ["name"]
    assert found.attributes[0].forces_replacement


def test_long_values_and_many_attributes_are_cut() -> None:
    before = {f"a{number:02}": "x" * 200 for number in range(20)}
    after = dict.fromkeys(before, "y" * 200)
    lines = (
        summarise(plan_of({"actions": ["update"], "before": before, "after": after})).render().splitlines()
    )
    assert lines[-1].strip() == "… and 12 more attributes"
    assert max(len(line) for line in lines) < 160
