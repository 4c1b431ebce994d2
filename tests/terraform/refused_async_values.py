"""Values that the modules of asynchronous endpoints must refuse, beside those of :mod:`refused_values`."""

from __future__ import annotations

from refused_values import IMAGE, LOCATIONS, SUBNETS, Case, case, container, queued


def asynchronous(name: str, says: str, /, **values: object) -> Case:
    return case(f"async-{name}", "modules/async_endpoint", says, **values)


def rolled_out(name: str, says: str, /, count: int = 2, **deployment: object) -> Case:
    return asynchronous(name, says, instance_count=count, deployment=deployment)


def backlog(name: str, says: str, /, **autoscaling: object) -> Case:
    values = {"min": 0, "max": 2, "backlog_per_instance": 5, **autoscaling}
    return case(f"async-{name}", "modules/async_autoscaling", says, autoscaling=values)


def watched(name: str, says: str, /, **alarms: object) -> Case:
    return case(f"async-alarm-{name}", "modules/async_alarms", says, alarms=alarms)


def told(name: str, says: str, /, **notifications: object) -> Case:
    return case(f"async-{name}", "modules/async_notifications", says, notifications=notifications)


ASYNC_CASES = [
    asynchronous("name", 'for example "serving-dev-image-segmentation"', name="serving_dev"),
    asynchronous("variant-name", 'for example "blue"', variant_name="blue_1"),
    asynchronous("image-by-tag", "A tag may move", container=container(image=IMAGE.split("@")[0] + ":1")),
    asynchronous(
        "archive", "must be an S3 URL that ends in .tar.gz", container=container(archive="s3://artifacts/m")
    ),
    asynchronous(
        "timeout-by-environment",
        "for the second write invocation_timeout_seconds",
        container=container(environment={"SERVING_TIMEOUT_SECONDS": "60"}),
    ),
    asynchronous("instance-type", 'with "ml." in front; not: m5.large', instance_type="m5.large"),
    asynchronous("no-instance", "write autoscaling = { min = 0, … }", instance_count=0),
    asynchronous("no-invocation", "between 1 and 1000", max_concurrent_invocations_per_instance=0),
    asynchronous("many-invocations", "between 1 and 1000", max_concurrent_invocations_per_instance=1001),
    asynchronous("half-an-invocation", "between 1 and 1000", max_concurrent_invocations_per_instance=1.5),
    asynchronous("no-time", "between 1 and 3600", invocation_timeout_seconds=0),
    asynchronous("too-much-time", "between 1 and 3600", invocation_timeout_seconds=3601),
    asynchronous("startup-timeout", "startup_timeout_seconds must lie", startup_timeout_seconds=59),
    asynchronous("download-timeout", "download_timeout_seconds must lie", download_timeout_seconds=3601),
    asynchronous("output-not-in-s3", "not: /tmp/output", output_location="/tmp/output"),
    asynchronous("output-is-a-bucket", "an S3 prefix of its own", output_location="s3://data-bucket/"),
    asynchronous("output-wildcard", "without the wildcards", output_location="s3://data-bucket/*/output/"),
    asynchronous(
        "output-too-long", "at most 512 characters", output_location="s3://data-bucket/" + "o" * 500
    ),
    asynchronous("failure-not-in-s3", "not: failure", failure_location="failure"),
    asynchronous(
        "failure-among-answers",
        "must differ from output_location",
        failure_location=LOCATIONS["output"].rstrip("/"),
    ),
    asynchronous(
        "response-in-an-unknown-topic",
        "nothing else",
        topics={"success": "s", "error": "e", "include_response_in": ["BOTH"]},
    ),
    asynchronous("no-rollback-alarm", "module async_alarms gives them", rollback_alarm_names=[]),
    asynchronous("strategy", 'not "BIG_BANG"', deployment={"strategy": "BIG_BANG"}),
    rolled_out("canary-step", "1 to 50 for CANARY", strategy="CANARY", step_percent=51),
    rolled_out("canary-of-one", "instance_count must be at least 2", count=1, strategy="CANARY"),
    rolled_out("deployment-wait", "zero or more", wait_seconds=-1),
    rolled_out(
        "linear-beyond-the-provider", "10 step(s) of wait_seconds = 300", strategy="LINEAR", step_percent=10
    ),
    rolled_out("deployment-timeout", "between 600 and 3300 seconds", timeout_seconds=599),
    rolled_out(
        "timeout-below-the-waits", "longer than all waits together", timeout_seconds=600, wait_seconds=600
    ),
    asynchronous("vpc-without-groups", "at least one subnet id and one security group id", vpc=SUBNETS),
    asynchronous("key-alias", "not an alias or an id", kms={"key_arn": "alias/serving"}),
    asynchronous("log-retention", "that CloudWatch Logs knows", log_retention_days=31),
    backlog("more-min-than-max", "0 <= min <= max", min=3),
    backlog("min-below-zero", "0 <= min <= max", min=-1),
    backlog("max-zero", "max of at least 1", min=0, max=0),
    backlog("no-backlog", "must be above 0", backlog_per_instance=0),
    backlog("negative-cooldown", "must be zero or more", wake_cooldown_seconds=-1),
    case(
        "async-burstable-instances",
        "modules/async_autoscaling",
        "cannot scale automatically",
        instance_type="ml.t3.medium",
    ),
    case(
        "async-count-outside-limits",
        "modules/async_autoscaling",
        "between 1 and autoscaling.max (2)",
        instance_count=3,
    ),
    case(
        "async-count-zero", "modules/async_autoscaling", "with at least one instance, too", instance_count=0
    ),
    watched("always-on", "cannot be off", server_error_percent=0),
    watched("percent", "0 (off) or lie below 100", failure_percent=100),
    watched("at-least", "to turn the alarm off write failure_percent = 0", failures_at_least=0),
    watched("age", "at most 25200 (7 hours)", oldest_request_seconds=25201),
    watched("capacity", "up to 1440 (a day)", backlog_without_capacity_minutes=1441),
    watched("counts", "0 (off) or whole numbers", expired_requests=0.5),
    watched("period", "10, 30 or a multiple of 60", period_seconds=45),
    watched("periods", "1 <= periods_to_alarm <= periods", periods_to_alarm=2),
    told("retention", "between 60 and 1209600 (14 days)", retention_seconds=59),
    told("visibility", "between 1 and 43200 (12 hours)", visibility_timeout_seconds=43201),
    told("no-visibility", "between 1 and 43200 (12 hours)", visibility_timeout_seconds=0),
    told("email", 'such as "oncall@example.com"', error_emails=["oncall"]),
    case(
        "async-topics-endpoint-name",
        "modules/async_notifications",
        'for example "serving-dev-image-segmentation"',
        endpoint_name="a_b",
    ),
    case(
        "async-publisher-arn",
        "modules/async_notifications",
        "not its ARN",
        publisher_role_name="arn:aws:iam::123456789012:role/r",
    ),
    case(
        "async-client-of-a-bucket",
        "modules/async_client_policy",
        "of the form s3://<bucket>/<prefix>/",
        locations={**LOCATIONS, "input": "s3://data-bucket/"},
    ),
    case(
        "async-client-catalog",
        "modules/async_client_policy",
        "must begin with a slash",
        catalog_parameter="serving/dev/catalog",
    ),
    case(
        "role-input-wildcard",
        "modules/execution_role",
        "without the wildcards * and ?",
        asynchronous={
            "input_locations": ["s3://data-bucket/*"],
            "output_locations": [LOCATIONS["output"]],
            "topic_arns": [],
        },
    ),
    case(
        "role-input-key-alias",
        "modules/execution_role",
        "not aliases or ids",
        asynchronous={
            "input_locations": [LOCATIONS["input"]],
            "output_locations": [LOCATIONS["output"]],
            "topic_arns": [],
            "input_kms_key_arns": ["alias/videos"],
        },
    ),
    case(
        "async-key",
        "modules/serving",
        'for example "image-segmentation"',
        async_endpoints={"Image_Segmentation": queued()},
    ),
    case(
        "shared-key",
        "modules/serving",
        "both are called serving-dev-<key>; shared: korean-nlp. Rename one",
        async_endpoints={"korean-nlp": queued()},
    ),
    case(
        "async-unknown-model",
        "modules/serving",
        "segmentation (async_endpoints.image-segmentation). The release holds: instance_segmentation",
        async_endpoints={"image-segmentation": queued("segmentation")},
    ),
    case(
        "async-canary-that-may-shrink-to-zero",
        "modules/serving",
        "autoscaling.min must be at least 2; it is not in: async_endpoints.image-segmentation",
        async_endpoints={
            "image-segmentation": queued(
                autoscaling={"min": 0, "max": 2, "backlog_per_instance": 5},
                deployment={"strategy": "CANARY"},
            )
        },
    ),
]
