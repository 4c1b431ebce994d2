"""What each module accepts, and a table of values that it must refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

IMAGE = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx@sha256:" + "0" * 64
ARCHIVE = "s3://artifacts/models/sentiment/aa/model.tar.gz"
CONTAINER = {"image": IMAGE, "archive": ARCHIVE}
TWO = {"sentiment": CONTAINER, "similarity": CONTAINER}
LOCATIONS = {part: f"s3://data-bucket/async/e/{part}/" for part in ("input", "output", "failure")}


def variant(containers: Mapping[str, object] = TWO, **values: object) -> dict[str, object]:
    return {"instance_type": "ml.m5.large", "containers": containers, **values}


def container(**values: object) -> dict[str, object]:
    return {**CONTAINER, **values}


def served(**models: str) -> dict[str, object]:
    """An endpoint of module serving: container hostname → model, in one variant."""
    return {
        "mode": "Direct",
        "variants": {"blue": variant({host: {"model": name} for host, name in models.items()})},
    }


def queued(model: str = "instance_segmentation", **values: object) -> dict[str, object]:
    """An asynchronous endpoint of module serving."""
    return {"model": model, "instance_type": "ml.m5.large", **values}


def serverless(model: str = "sentiment", **values: object) -> dict[str, object]:
    """A serverless endpoint of module serving."""
    return {"model": model, "max_concurrency": 5, **values}


def called(model: str = "object_detection", **values: object) -> dict[str, object]:
    """A function of module serving."""
    return {"model": model, **values}


RELEASE: dict[str, dict[str, Any]] = {
    "images": {"nlp_onnx": IMAGE, "lambda_detection": IMAGE},
    "models": {
        **{
            name: {"image": "nlp_onnx", "task": task, "archive": ARCHIVE}
            for name, task in (
                ("sentiment", "sentiment"),
                ("sentiment_v2", "sentiment"),
                ("similarity", "similarity"),
                ("instance_segmentation", "segmentation"),
            )
        },
        "object_detection": {"task": "detection", "function_image": "lambda_detection"},
    },
}

# Values that every module accepts; a case changes some of them.
ACCEPTED: dict[str, dict[str, object]] = {
    "foundation": {"environment": "dev"},
    "modules/async_alarms": {"endpoint_name": "e", "variant_name": "blue"},
    "modules/async_autoscaling": {
        "endpoint_name": "e",
        "variant_name": "blue",
        "instance_type": "ml.m5.large",
        "instance_count": 1,
        "autoscaling": {"min": 0, "max": 2, "backlog_per_instance": 5},
    },
    "modules/async_client_policy": {
        "endpoint_name": "e",
        "locations": LOCATIONS,
        "catalog_parameter": "/serving/dev/catalog",
        "kms_key_arn": "k",
    },
    "modules/async_endpoint": {
        "name": "serving-dev-image-segmentation",
        "container": CONTAINER,
        "instance_type": "ml.m5.large",
        "output_location": LOCATIONS["output"],
        "failure_location": LOCATIONS["failure"],
        "execution_role_arn": "arn:aws:iam::123456789012:role/r",
        "rollback_alarm_names": ["a"],
    },
    "modules/async_notifications": {"endpoint_name": "e", "publisher_role_name": "r", "kms_key_arn": "k"},
    "modules/catalog": {"environment": "dev", "region": "ap-northeast-2", "endpoints": {}},
    "modules/dashboard": {"name": "serving-dev", "region": "ap-northeast-2", "endpoints": {}},
    "modules/endpoint_alarms": {"endpoint_name": "e", "variants": ["blue"]},
    "modules/endpoint_autoscaling": {
        "endpoint_name": "e",
        "variants": {"blue": {"instance_type": "ml.m5.large", "instance_count": 1}},
        "autoscaling": {"min": 1, "max": 2, "invocations_per_instance": 600},
    },
    "modules/execution_role": {"name": "r", "endpoint_name": "e", "images": [IMAGE], "archives": [ARCHIVE]},
    "modules/lambda_alarms": {"function_name": "f", "timeout_seconds": 30, "log_group": "/aws/lambda/f"},
    "modules/lambda_client_policy": {"function_name": "f", "catalog_parameter": "/serving/dev/catalog"},
    "modules/lambda_concurrency": {
        "function_name": "f",
        "qualifier": "live",
        "provisioned_concurrency": 2,
        "autoscaling": {"min": 2, "max": 10},
        "reserved_concurrency": 11,
    },
    "modules/lambda_events": {"function_name": "f", "qualifier": "live"},
    "modules/lambda_failure_queue": {"name": "f-failures", "sender_role_name": "r", "kms_key_arn": "k"},
    "modules/lambda_inference": {
        "name": "serving-dev-object-detection",
        "image": IMAGE,
        "role_arn": "arn:aws:iam::123456789012:role/r",
    },
    "modules/lambda_role": {"name": "r", "function_name": "f"},
    "modules/multi_container_endpoint": {
        "name": "serving-dev-korean-nlp",
        "mode": "Direct",
        "variants": {"blue": variant()},
        "execution_role_arn": "arn:aws:iam::123456789012:role/r",
        "rollback_alarm_names": ["a"],
    },
    "modules/notifications": {"name": "serving-dev-alarms", "kms_key_arn": "k"},
    "modules/serverless_alarms": {"endpoint_name": "e"},
    "modules/serverless_autoscaling": {
        "endpoint_name": "e",
        "max_concurrency": 20,
        "provisioned_concurrency": 2,
        "autoscaling": {"min": 2, "max": 10},
    },
    "modules/serverless_client_policy": {"endpoint_name": "e", "catalog_parameter": "/serving/dev/catalog"},
    "modules/serverless_endpoint": {
        "name": "serving-dev-sentiment",
        "container": CONTAINER,
        "max_concurrency": 20,
        "execution_role_arn": "arn:aws:iam::123456789012:role/r",
    },
    "modules/serving": {
        "environment": "dev",
        "endpoints": {"korean-nlp": served(sentiment="sentiment", similarity="similarity")},
        "async_endpoints": {"image-segmentation": queued()},
        "serverless_endpoints": {"sentiment-serverless": serverless()},
        "functions": {"object-detection": called()},
        "release": RELEASE,
    },
}


@dataclass(frozen=True, slots=True)
class Case:
    """``values`` changed in what a module accepts, and what the refusal must say."""

    name: str
    module: str
    values: Mapping[str, object]
    says: str


def case(name: str, module: str, says: str, /, **values: object) -> Case:
    return Case(name, module, values, says)


def endpoint(name: str, says: str, /, **values: object) -> Case:
    return case(name, "modules/multi_container_endpoint", says, **values)


def blue(name: str, says: str, /, mode: str = "Direct", **values: Any) -> Case:
    return endpoint(name, says, mode=mode, variants={"blue": variant(**values)})


def deployed(name: str, says: str, /, count: int = 2, **deployment: object) -> Case:
    return endpoint(name, says, variants={"blue": variant(instance_count=count)}, deployment=deployment)


SUBNETS = {"subnet_ids": ["subnet-1"], "security_group_ids": []}

CASES = [
    case(
        "environment-upper-case",
        "foundation",
        'lower-case letters and digits, beginning with a letter, for example "dev"',
        environment="Dev",
    ),
    case("foundation-name", "foundation", 'for example "serving"', name="S"),
    case("image-with-dashes", "foundation", 'such as "nlp_onnx"', images={"nlp-onnx": {}}),
    case(
        "too-few-images-kept",
        "foundation",
        "whole number of at least 10",
        images={"nlp_onnx": {"keep_images": 1}},
    ),
    case("data-kept-no-day", "foundation", "null to keep everything", expire_data_days=0),
    case("data-kept-half-a-day", "foundation", "whole number of at least 1", expire_data_days=1.5),
    case("dashboard-name", "modules/dashboard", 'for example "serving-dev"', name="serving dev"),
    case("alarm-always-on", "modules/endpoint_alarms", "cannot be off", alarms={"server_error_percent": 0}),
    case(
        "alarm-percent", "modules/endpoint_alarms", "0 (off) or lie below 100", alarms={"memory_percent": 100}
    ),
    case("alarm-latency", "modules/endpoint_alarms", "number of milliseconds", alarms={"latency_p99_ms": -1}),
    case(
        "alarm-no-traffic",
        "modules/endpoint_alarms",
        "up to 1440 (a day)",
        alarms={"no_traffic_minutes": 1441},
    ),
    case(
        "alarm-period", "modules/endpoint_alarms", "10, 30 or a multiple of 60", alarms={"period_seconds": 45}
    ),
    case(
        "alarm-periods", "modules/endpoint_alarms", "1 <= periods_to_alarm <= periods", alarms={"periods": 2}
    ),
    case(
        "burstable-instances",
        "modules/endpoint_autoscaling",
        "cannot scale automatically",
        variants={"blue": {"instance_type": "ml.t2.medium", "instance_count": 1}},
    ),
    case(
        "count-outside-limits",
        "modules/endpoint_autoscaling",
        "must lie between autoscaling.min (1) and autoscaling.max (2)",
        variants={"blue": {"instance_type": "ml.m5.large", "instance_count": 3}},
    ),
    case(
        "scale-to-zero",
        "modules/endpoint_autoscaling",
        "a real-time endpoint keeps at least one instance",
        autoscaling={"min": 0, "max": 2, "invocations_per_instance": 600},
    ),
    case(
        "no-invocations",
        "modules/endpoint_autoscaling",
        "must be above 0",
        autoscaling={"min": 1, "max": 2, "invocations_per_instance": 0},
    ),
    case(
        "negative-cooldown",
        "modules/endpoint_autoscaling",
        "must be zero or more",
        autoscaling={"min": 1, "max": 2, "invocations_per_instance": 600, "scale_in_cooldown_seconds": -1},
    ),
    case("role-name", "modules/execution_role", "IAM allows no others", name="serving/dev"),
    case(
        "role-image-by-tag",
        "modules/execution_role",
        "ECR images by digest",
        images=[IMAGE.split("@")[0] + ":1"],
    ),
    case(
        "role-archive-wildcard",
        "modules/execution_role",
        "without the wildcards",
        archives=["s3://artifacts/*"],
    ),
    case("topic-name", "modules/notifications", 'for example "serving-dev-alarms"', name="a b"),
    case("email", "modules/notifications", 'such as "oncall@example.com"', emails=["oncall"]),
    endpoint("endpoint-name", 'for example "serving-dev-korean-nlp"', name="serving_dev"),
    endpoint("mode", 'must be "Direct", "Serial" or "Single", not "Parallel"', mode="Parallel"),
    endpoint("no-variant", "variants holds 0", variants={}),
    endpoint("six-variants", "variants holds 6", variants={f"v{i}": variant() for i in range(6)}),
    endpoint("variant-name", "not: blue_1", variants={"blue_1": variant()}),
    blue("instance-type", 'with "ml." in front; not: m5.large', instance_type="m5.large"),
    blue("no-instance", "To serve nothing, remove the variant", instance_count=0),
    blue("half-an-instance", "whole number of at least 1", instance_count=1.5),
    endpoint(
        "fractional-weight",
        "write 9 and 1 instead of 0.9 and 0.1",
        variants={"a": variant(weight=0.9), "b": variant(weight=0.1)},
    ),
    blue("no-weight", "a weight above 0", weight=0),
    blue("startup-timeout", "between 60 and 3600", startup_timeout_seconds=59),
    blue("download-timeout", "between 60 and 3600", download_timeout_seconds=3601),
    blue("no-container", "1 to 15 containers", containers={}),
    blue("sixteen-containers", "1 to 15 containers", containers={f"c{i}": CONTAINER for i in range(16)}),
    blue("single-with-two", 'For several write mode = "Direct"', mode="Single"),
    blue("direct-with-one", 'For one container write mode = "Single"', containers={"sentiment": CONTAINER}),
    blue("hostname", "no underscore", containers={"sentiment_v2": CONTAINER, "similarity": CONTAINER}),
    blue(
        "hostname-case",
        "differ in more than upper and lower case",
        containers={"a": CONTAINER, "A": CONTAINER},
    ),
    blue("serial-without-order", "for example order = 1, 2, 3", mode="Serial"),
    blue("order-range", "between 0 and 999", containers={"a": container(order=-1), "b": CONTAINER}),
    blue(
        "image-by-tag",
        "A tag may move",
        containers={"a": container(image=IMAGE.split("@")[0] + ":1"), "b": CONTAINER},
    ),
    blue(
        "archive-not-in-s3",
        "must be an S3 URL that ends in .tar.gz",
        containers={"a": container(archive="/tmp/model.tar.gz"), "b": CONTAINER},
    ),
    blue(
        "archive-not-tar-gz",
        "must be an S3 URL that ends in .tar.gz",
        containers={"a": container(archive="s3://artifacts/m.zip"), "b": CONTAINER},
    ),
    endpoint("no-rollback-alarm", "1 to 10 alarm names", rollback_alarm_names=[]),
    endpoint("strategy", 'not "BIG_BANG"', deployment={"strategy": "BIG_BANG"}),
    deployed("canary-step", "1 to 50 for CANARY", strategy="CANARY", step_percent=51),
    deployed("linear-step", "10 to 50 for LINEAR", strategy="LINEAR", step_percent=9, wait_seconds=0),
    deployed("rolling-step", "5 to 50 for ROLLING", strategy="ROLLING", step_percent=4, wait_seconds=0),
    deployed("canary-of-one", "instance_count of at least 2; too few: blue", count=1, strategy="CANARY"),
    deployed("linear-of-one", "instance_count of at least 2; too few: blue", count=1, strategy="LINEAR"),
    endpoint(
        "rolling-a-b-test",
        "one variant only; this one has 2",
        variants={"a": variant(), "b": variant()},
        deployment={"strategy": "ROLLING"},
    ),
    deployed("deployment-wait", "zero or more", wait_seconds=-1),
    deployed(
        "linear-beyond-the-provider",
        "10 step(s) of wait_seconds = 300, and termination_wait_seconds = 120, may take 2700 seconds",
        strategy="LINEAR",
        step_percent=10,
    ),
    deployed("canary-beyond-the-provider", "2 step(s)", strategy="CANARY", wait_seconds=1300),
    deployed("termination-beyond-the-provider", "1 step(s)", termination_wait_seconds=2401),
    deployed("deployment-timeout", "between 600 and 3300 seconds", timeout_seconds=599),
    deployed("timeout-beyond-the-provider", "between 600 and 3300 seconds", timeout_seconds=3301),
    deployed(
        "timeout-below-the-waits", "longer than all waits together", timeout_seconds=600, wait_seconds=600
    ),
    endpoint("vpc-without-groups", "at least one subnet id and one security group id", vpc=SUBNETS),
    endpoint("key-alias", "not an alias or an id", kms={"key_arn": "alias/serving"}),
    endpoint("capture-url", "such as s3://<bucket>/captured/<endpoint>", data_capture={"s3_uri": "/tmp"}),
    endpoint(
        "capture-percent",
        "leave data_capture out",
        data_capture={"s3_uri": "s3://artifacts/c", "sampling_percent": 0},
    ),
    endpoint("log-retention", "that CloudWatch Logs knows", log_retention_days=31),
    case("serving-environment", "modules/serving", 'for example "dev"', environment="Development"),
    case(
        "endpoint-key",
        "modules/serving",
        'for example "korean-nlp"',
        endpoints={"Korean_NLP": served(a="sentiment", b="similarity")},
    ),
    case(
        "unknown-model",
        "modules/serving",
        "sentimental (endpoints.korean-nlp.variants.blue.containers.sentiment). "
        "The release holds: instance_segmentation, object_detection, sentiment, sentiment_v2, similarity. "
        "Correct the name, or run `invoke release --env dev`",
        endpoints={"korean-nlp": served(sentiment="sentimental", similarity="similarity")},
    ),
    case(
        "variants-unlike-each-other",
        "modules/serving",
        "same container hostnames, each with the same task",
        endpoints={
            "feelings": {
                "mode": "Single",
                "variants": {
                    "control": variant({"sentiment": {"model": "sentiment"}}),
                    "candidate": variant({"sentiment": {"model": "similarity"}}),
                },
            }
        },
    ),
    case(
        "canary-that-may-shrink-to-one",
        "modules/serving",
        "autoscaling.min must be at least 2; it is not in: endpoints.korean-nlp",
        endpoints={
            "korean-nlp": {
                **served(sentiment="sentiment", similarity="similarity"),
                "autoscaling": {"min": 1, "max": 2, "invocations_per_instance": 600},
                "deployment": {"strategy": "CANARY"},
            }
        },
    ),
    case("no-release", "modules/serving", "Run `invoke release --env dev`", release=None),
    case(
        "release-without-its-image",
        "modules/serving",
        "images that release.images does not hold: nlp_onnx",
        release={**RELEASE, "images": {"lambda_detection": IMAGE}},
    ),
]
