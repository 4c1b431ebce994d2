"""Values that functions and serverless endpoints must refuse, beside those of :mod:`refused_values`."""

from __future__ import annotations

from refused_values import IMAGE, RELEASE, SUBNETS, Case, called, case, container, queued, serverless


def function(name: str, says: str, /, **values: object) -> Case:
    return case(f"function-{name}", "modules/lambda_inference", says, **values)


def url(name: str, says: str, /, **cors: object) -> Case:
    return function(name, says, url={"cors": {"allow_origins": ["https://app.example.com"], **cors}})


def ready(name: str, says: str, /, **values: object) -> Case:
    return case(f"ready-{name}", "modules/lambda_concurrency", says, **values)


def watched(name: str, says: str, /, **values: object) -> Case:
    return case(f"function-alarm-{name}", "modules/lambda_alarms", says, **values)


def without_instances(name: str, says: str, /, **values: object) -> Case:
    return case(f"serverless-{name}", "modules/serverless_endpoint", says, **values)


def kept_ready(name: str, says: str, /, **values: object) -> Case:
    return case(f"serverless-{name}", "modules/serverless_autoscaling", says, **values)


def serverless_alarm(name: str, says: str, /, **alarms: object) -> Case:
    return case(f"serverless-alarm-{name}", "modules/serverless_alarms", says, alarms=alarms)


def serving(name: str, says: str, /, **values: object) -> Case:
    return case(f"serving-{name}", "modules/serving", says, **values)


FUNCTION_CASES = [
    function("name", 'for example "serving-dev-object-detection"', name="serving.dev"),
    function("image-by-tag", "A tag may move, and Lambda would not notice", image=IMAGE.split("@")[0] + ":1"),
    function("image-config", "leave it out to start what the image says", image_config={}),
    function("empty-command", "leave it out to start what the image says", image_config={"command": []}),
    function("architecture", 'not "riscv64"', architecture="riscv64"),
    function("no-memory", "between 128 and 10240", memory_mb=127),
    function("much-memory", "between 128 and 10240", memory_mb=10241),
    function("half-a-megabyte", "between 128 and 10240", memory_mb=1769.5),
    function("small-tmp", "tmp_mb must be a whole number between 512 and 10240", tmp_mb=511),
    function("large-tmp", "tmp_mb must be a whole number between 512 and 10240", tmp_mb=10241),
    function("no-time", "between 1 and 900 (15 minutes)", timeout_seconds=0),
    function("much-time", "between 1 and 900 (15 minutes)", timeout_seconds=901),
    function(
        "variable-of-lambda",
        "that Lambda sets itself: AWS_REGION, LAMBDA_TASK_ROOT. Give yours another name",
        environment={"AWS_REGION": "us-east-1", "LAMBDA_TASK_ROOT": "/x", "SERVING_THREADS": "1"},
    ),
    function("variable-name", "for example SERVING_THREADS", environment={"serving-threads": "1"}),
    function(
        "much-environment",
        "environment holds 4097 characters; Lambda takes 4096 bytes",
        environment={"TEXT": "x" * 4093},
    ),
    function(
        "nothing-reserved",
        "run `aws lambda put-function-concurrency --function-name serving-dev-object-detection "
        "--reserved-concurrent-executions 0`",
        reserved_concurrency=0,
    ),
    function("canary-of-latest", 'in quotes, such as "3"', canary={"stable_version": "$LATEST", "weight": 0}),
    function("canary-whole", "For all of them leave canary out", canary={"stable_version": "3", "weight": 1}),
    function(
        "canary-negative", "must be 0 or more and below 1", canary={"stable_version": "3", "weight": -0.1}
    ),
    function("url-authorization", 'or "NONE" for a URL', url={"authorization": "JWT"}),
    url("url-without-pages", "url.cors needs allow_origins", allow_origins=[]),
    url("url-methods", "Lambda answers OPTIONS itself", allow_methods=["OPTIONS"]),
    url(
        "url-credentials-for-all",
        "needs allow_origins by name",
        allow_origins=["*"],
        allow_credentials=True,
    ),
    url("url-max-age", "between 0 and 86400 (a day)", max_age_seconds=86401),
    case("event-retries", "modules/lambda_events", "must be 0, 1 or 2", events={"retries": 3}),
    case(
        "event-age",
        "modules/lambda_events",
        "between 60 and 21600 (6 hours)",
        events={"max_age_seconds": 59},
    ),
    function("log-format", 'must be "Text" or "JSON", not "XML"', logging={"format": "XML"}),
    function("level-of-text", 'need format = "JSON"', logging={"application_level": "INFO"}),
    function(
        "unknown-level",
        "logging.system_level DEBUG, INFO or WARN",
        logging={"format": "JSON", "system_level": "ERROR"},
    ),
    function("vpc-without-groups", "at least one subnet id and one security group id", vpc=SUBNETS),
    function("key-alias", "not an alias or an id", kms_key_arn="alias/serving"),
    function("log-retention", "that CloudWatch Logs knows", log_retention_days=31),
    ready("latest", "Lambda keeps no environments ready for $LATEST", qualifier="$LATEST"),
    ready("none", "for none leave it out", provisioned_concurrency=0, autoscaling=None),
    ready("below-min", "between autoscaling.min and autoscaling.max", provisioned_concurrency=1),
    ready(
        "more-than-reserved",
        "must be below reserved_concurrency (5)",
        reserved_concurrency=5,
    ),
    ready(
        "as-many-as-reserved",
        "must be below reserved_concurrency (5)",
        autoscaling=None,
        provisioned_concurrency=5,
        reserved_concurrency=5,
    ),
    ready("min-zero", "1 <= min <= max", autoscaling={"min": 0, "max": 10}),
    ready(
        "utilization",
        "between 0.1 and 0.9, for example 0.7",
        autoscaling={"min": 2, "max": 10, "utilization": 70},
    ),
    ready(
        "cooldown",
        "must be zero or more",
        autoscaling={"min": 2, "max": 10, "scale_in_cooldown_seconds": -1},
    ),
    watched("log-format", "as the function's own", log_format="XML"),
    watched("percent", "0 (off) or lie below 100", alarms={"error_percent": 100}),
    watched("at-least", "to turn the alarm off write error_percent = 0", alarms={"errors_at_least": 0}),
    watched("counts", "0 (off) or whole numbers", alarms={"throttles": 0.5}),
    watched("init", "Lambda ends an init after 10 seconds", alarms={"init_ms": 10001}),
    watched(
        "init-not-logged",
        'write logging.system_level = "INFO" or "DEBUG"',
        log_format="JSON",
        system_level="WARN",
        alarms={"init_ms": 8000},
    ),
    watched("event-age", "at most 21600 (6 hours)", alarms={"event_age_seconds": 21601}),
    watched("period", "10, 30 or a multiple of 60", alarms={"period_seconds": 45}),
    watched("periods", "1 <= periods_to_alarm <= periods", alarms={"periods_to_alarm": 2}),
    case(
        "function-queue-name",
        "modules/lambda_failure_queue",
        'for example "serving-dev-object-detection-failures"',
        name="a.b",
    ),
    case(
        "function-sender-arn",
        "modules/lambda_failure_queue",
        "not its ARN",
        sender_role_name="arn:aws:iam::123456789012:role/r",
    ),
    case(
        "function-queue-retention",
        "modules/lambda_failure_queue",
        "between 60 and 1209600 (14 days)",
        retention_seconds=59,
    ),
    case("function-role-name", "modules/lambda_role", "IAM allows no others", name="serving/dev"),
    case("function-role-queues", "modules/lambda_role", "no wildcard", queue_names=["serving-*"]),
    case("function-client-wildcard", "modules/lambda_client_policy", "without wildcards", qualifier="*"),
    case(
        "function-client-catalog",
        "modules/lambda_client_policy",
        "must begin with a slash",
        catalog_parameter="serving/dev/catalog",
    ),
]

ENDPOINT_CASES = [
    without_instances("name", 'for example "serving-dev-sentiment"', name="serving_dev"),
    without_instances("variant-name", 'for example "blue"', variant_name="blue_1"),
    without_instances(
        "image-by-tag", "A tag may move", container=container(image=IMAGE.split("@")[0] + ":1")
    ),
    without_instances(
        "archive", "must be an S3 URL that ends in .tar.gz", container=container(archive="s3://artifacts/m")
    ),
    without_instances(
        "timeout-by-environment",
        "at 4 MiB and 60 seconds",
        container=container(environment={"SERVING_TIMEOUT_SECONDS": "120"}),
    ),
    without_instances("memory-off-the-grid", "1024, 2048, 3072, 4096, 5120 or 6144", memory_mb=1500),
    without_instances("much-memory", "1024, 2048, 3072, 4096, 5120 or 6144", memory_mb=7168),
    without_instances("no-concurrency", "between 1 and 200", max_concurrency=0),
    without_instances("much-concurrency", "between 1 and 200", max_concurrency=201),
    without_instances("none-ready", "for none leave it out", provisioned_concurrency=0),
    without_instances(
        "more-ready-than-allowed", "must not be above max_concurrency (20)", provisioned_concurrency=21
    ),
    without_instances("key-alias", "not an alias or an id", kms_key_arn="alias/serving"),
    without_instances("log-retention", "that CloudWatch Logs knows", log_retention_days=31),
    kept_ready("below-min", "every update starts from it", provisioned_concurrency=1),
    kept_ready(
        "min-zero",
        "a serverless endpoint goes to zero by itself",
        autoscaling={"min": 0, "max": 10},
    ),
    kept_ready(
        "max-above-concurrency",
        "must not be above max_concurrency (20)",
        autoscaling={"min": 2, "max": 21},
    ),
    kept_ready(
        "utilization",
        "between 0.1 and 0.9, for example 0.7",
        autoscaling={"min": 2, "max": 10, "utilization": 1},
    ),
    kept_ready(
        "cooldown",
        "must be zero or more",
        autoscaling={"min": 2, "max": 10, "scale_out_cooldown_seconds": -1},
    ),
    serverless_alarm("percent", "0 (off) or lie below 100", concurrency_percent=100),
    serverless_alarm("setup", "at most 180000 (3 minutes)", setup_ms=180001),
    serverless_alarm("spillovers", "0 (off) or a whole number", spillovers=0.5),
    serverless_alarm("period", "10, 30 or a multiple of 60", period_seconds=45),
    serverless_alarm("periods", "1 <= periods_to_alarm <= periods", periods_to_alarm=2),
    case(
        "serverless-client-wildcard",
        "modules/serverless_client_policy",
        "without wildcards",
        endpoint_name="*",
    ),
    case(
        "serverless-client-catalog",
        "modules/serverless_client_policy",
        "must begin with a slash",
        catalog_parameter="serving/dev/catalog",
    ),
]

SERVING_CASES = [
    serving("function-key", 'for example "object-detection"', functions={"Detection": called()}),
    serving(
        "serverless-key", 'for example "sentiment-serverless"', serverless_endpoints={"a_b": serverless()}
    ),
    serving(
        "function-key-of-an-endpoint",
        "functions must share no key with endpoints, async_endpoints or serverless_endpoints, because the "
        "catalog holds them all under their keys; shared: sentiment-serverless. Rename one",
        functions={"sentiment-serverless": called()},
    ),
    serving(
        "serverless-key-of-an-endpoint",
        "all are called serving-dev-<key>; shared: image-segmentation. Rename one",
        serverless_endpoints={"image-segmentation": serverless()},
    ),
    serving(
        "function-of-an-unknown-model",
        "detection (functions.object-detection). The release holds: instance_segmentation, object_detection",
        functions={"object-detection": called("detection")},
    ),
    serving(
        "serverless-unknown-model",
        "sentimental (serverless_endpoints.sentiment-serverless). The release holds: instance_segmentation",
        serverless_endpoints={"sentiment-serverless": serverless("sentimental")},
    ),
    serving(
        "function-without-its-image",
        "no image for Lambda functions in the release: similarity (functions.similarity-function). Run "
        "`invoke release --env dev`",
        functions={"similarity-function": called("similarity")},
    ),
    serving(
        "serverless-without-an-image",
        "only functions serve them: object_detection (serverless_endpoints.sentiment-serverless). Write them "
        "under functions",
        serverless_endpoints={"sentiment-serverless": serverless("object_detection")},
    ),
    serving(
        "async-without-an-image",
        "only functions serve them: object_detection (async_endpoints.image-segmentation)",
        async_endpoints={"image-segmentation": queued("object_detection")},
    ),
    serving(
        "endpoint-without-an-image",
        "only functions serve them: object_detection (endpoints.detect.variants.blue.containers.detection)",
        endpoints={
            "detect": {
                "mode": "Single",
                "variants": {
                    "blue": {
                        "instance_type": "ml.m5.large",
                        "containers": {"detection": {"model": "object_detection"}},
                    }
                },
            }
        },
    ),
    serving(
        "canary-with-environments-kept-ready",
        "both are asked for in: functions.object-detection. Leave provisioned_concurrency and autoscaling",
        functions={
            "object-detection": called(
                provisioned_concurrency=2, canary={"stable_version": "3", "weight": 0.1}
            )
        },
    ),
    serving(
        "release-without-an-archive",
        "one is missing in release.models of: similarity",
        release={
            **RELEASE,
            "models": {**RELEASE["models"], "similarity": {"image": "nlp_onnx", "task": "similarity"}},
        },
    ),
    serving(
        "release-without-a-function-image",
        "images that release.images does not hold: lambda_detection",
        release={**RELEASE, "images": {"nlp_onnx": IMAGE}},
    ),
]

SERVERLESS_CASES = [*FUNCTION_CASES, *ENDPOINT_CASES, *SERVING_CASES]
