"""Every number that AWS (or this platform) sets, with its unit in the name and its source beside it.

Sources, as named in the comments:
  [hosting]     "Use Your Own Inference Code with Hosting Services", Amazon SageMaker developer guide
  [runtime]     InvokeEndpoint, SageMaker Runtime API reference
  [model]       botocore's service models (sagemaker, sagemaker-runtime)
  [multi]       "Multi-container endpoints", SageMaker developer guide
  [async]       "Asynchronous inference", SageMaker developer guide
  [serverless]  "Serverless inference", SageMaker developer guide
  [scaling]     "Automatic scaling" and "Deployment guardrails", SageMaker developer guide
  [aas]         Application Auto Scaling user guide and API reference
  [cloudwatch]  "Alarm evaluation" in the Amazon CloudWatch user guide, and its API reference
  [lambda]      "Lambda quotas", AWS Lambda developer guide
  [s3]          "Amazon S3 multipart upload limits", Amazon S3 user guide
  [sqs]         "ReceiveMessage" and "SendMessageBatch", Amazon SQS API reference
  [ssm]         "Systems Manager endpoints and quotas", AWS general reference
  [platform]    our own choice
"observed" marks a value seen in public logs or samples which AWS does not promise.
"""

from __future__ import annotations

from typing import Final

MIB: Final = 1024 * 1024

# --- The hosting container
CONTAINER_PORT: Final = 8080  # [hosting]; SAGEMAKER_BIND_TO_PORT replaces it
SAFE_PORT_RANGE: Final = (25000, 25999)  # [hosting] observed SAGEMAKER_SAFE_PORT_RANGE, inclusive
SOCKET_ACCEPT_SECONDS: Final = 0.25  # [hosting] sockets are accepted within 250 ms
PING_TIMEOUT_SECONDS: Final = 2.0  # [hosting] GET /ping answers within 2 s
STARTUP_TIMEOUT_SECONDS: Final = 480.0  # [hosting] the first 200 of /ping within 8 minutes
STARTUP_TIMEOUT_RANGE_SECONDS: Final = (60, 3600)  # [model] ContainerStartupHealthCheckTimeoutInSeconds
DOWNLOAD_TIMEOUT_RANGE_SECONDS: Final = (60, 3600)  # [model] ModelDataDownloadTimeoutInSeconds
SIGTERM_GRACE_SECONDS: Final = 30.0  # [hosting] SIGTERM, then SIGKILL after 30 s
DRAIN_SECONDS: Final = 25.0  # [platform] the server stops draining before SIGKILL comes
BIND_TO_PORT_LABEL: Final = "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"  # [multi]

# --- Real-time invocation
REALTIME_PAYLOAD_BYTES: Final = 25 * MIB  # [runtime] request body of InvokeEndpoint
REALTIME_PAYLOAD_BYTES_SAFE: Final = 6_291_456  # [model] the older limit; holds in every region and SDK
REALTIME_TIMEOUT_SECONDS: Final = 60.0  # [runtime] an invocation
STREAM_TIMEOUT_SECONDS: Final = 480.0  # [runtime] a streamed invocation
CUSTOM_ATTRIBUTES_CHARACTERS: Final = 1024  # [model] X-Amzn-SageMaker-Custom-Attributes
CONTENT_TYPE_CHARACTERS: Final = 1024  # [model] ContentType, Accept
ENDPOINT_NAME_CHARACTERS: Final = 63  # [model] EndpointName, VariantName, ContainerHostname
ENDPOINT_NAME_PATTERN: Final = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"  # [model] EndpointName

# --- Multi-container endpoints
CONTAINERS_PER_MODEL: Final = 15  # [multi]
VARIANTS_PER_ENDPOINT: Final = 10  # [model] ProductionVariants

# --- Asynchronous inference
ASYNC_PAYLOAD_BYTES: Final = 1024 * MIB  # [async] input object in S3
ASYNC_INVOCATION_TIMEOUT_RANGE_SECONDS: Final = (1, 3600)  # [model] InvocationTimeoutSeconds
ASYNC_INVOCATION_TIMEOUT_SECONDS: Final = 900  # [async] default
ASYNC_REQUEST_TTL_RANGE_SECONDS: Final = (60, 21600)  # [model] RequestTTLSeconds
ASYNC_REQUEST_TTL_SECONDS: Final = 21600  # [async] default
ASYNC_CONCURRENCY_RANGE: Final = (1, 1000)  # [model] MaxConcurrentInvocationsPerInstance
ASYNC_INLINE_BODY_BYTES: Final = 128_000  # [model] Body of InvokeEndpointAsync
ASYNC_NOTICE_BODY_BYTES: Final = 128 * 1024  # [model] answers up to 128 KB are included in SNS messages
ASYNC_DEFAULT_CONCURRENCY: Final = 4  # [platform] where AWS "chooses an optimal value"
ASYNC_BACKLOG_REQUESTS: Final = 50_000  # [platform] waiting and in process, an endpoint of the local cloud
ASYNC_CRASHES: Final = 5  # [platform] containers that may end under a request before it is given up
ASYNC_REFUSALS: Final = 40  # [platform] answers 429 or 503, in some three minutes, that make a failure
ASYNC_CRASHES_IN_COMPANY: Final = 2  # [platform] after so many a request has an instance for itself

INFERENCE_ID_CHARACTERS: Final = 64  # [model] InferenceId of InvokeEndpointAsync
INPUT_LOCATION_CHARACTERS: Final = 1024  # [model] InputLocation

# --- What asynchronous inference stands on
SNS_HTTP_SECONDS: Final = 10.0  # [platform] a subscriber by HTTP may take, locally
SQS_BATCH_MESSAGES: Final = 10  # [sqs] received, deleted or made visible in one call

# --- Serverless inference
SERVERLESS_MEMORY_MB: Final = (1024, 2048, 3072, 4096, 5120, 6144)  # [serverless]
SERVERLESS_CONCURRENCY_RANGE: Final = (1, 200)  # [serverless] MaxConcurrency
SERVERLESS_PAYLOAD_BYTES: Final = 4 * MIB  # [serverless]
SERVERLESS_TIMEOUT_SECONDS: Final = 60.0  # [serverless]
SERVERLESS_STARTUP_SECONDS: Final = 180.0  # [serverless] download and first ping
SERVERLESS_IMAGE_BYTES: Final = 10 * 1024 * MIB  # [serverless]
SERVERLESS_DISK_BYTES: Final = 5 * 1024 * MIB  # [serverless]
SERVERLESS_IDLE_SECONDS: Final = 600.0  # observed: an idle container is kept some 5 to 15 minutes

# --- Autoscaling and updates
CANARY_MAX_PERCENT: Final = 50  # [scaling]
LINEAR_PERCENT_RANGE: Final = (10, 50)  # [scaling]
ROLLING_PERCENT_RANGE: Final = (5, 50)  # [scaling]
ROLLBACK_ALARMS_RANGE: Final = (1, 10)  # [scaling]
SCALING_COOLDOWN_SECONDS: Final = 300.0  # [aas] default of every policy of a variant
LAMBDA_COOLDOWN_SECONDS: Final = 0.0  # [aas] default of every policy of Lambda's provisioned concurrency
TARGET_TRACKING_PERIOD_SECONDS: Final = 60  # observed in a target tracking policy's alarms
TARGET_TRACKING_HIGH_PERIODS: Final = 3  # observed: periods above the target before scale-out
TARGET_TRACKING_LOW_PERIODS: Final = 15  # observed: periods below the share before scale-in
TARGET_TRACKING_LOW_SHARE: Final = 0.9  # observed; [aas] "usually more than 10% lower" than the target
SCALING_ACTIVITIES_PER_PAGE: Final = 50  # [aas] DescribeScalingActivities

# --- CloudWatch
ALARM_EXTRA_DATAPOINTS: Final = 2  # [cloudwatch] its examples look at 5 datapoints for 3 evaluation periods
ALARM_INTERVAL_SECONDS: Final = 60  # [cloudwatch] between two evaluations
ALARM_HIGH_RESOLUTION_SECONDS: Final = 10  # [cloudwatch] the same, for periods of 10, 20 and 30 s
ALARM_HISTORY_PER_PAGE: Final = 100  # [cloudwatch] DescribeAlarmHistory
LOGS_FILTER_PATTERN_CHARACTERS: Final = 1024  # [model] PutMetricFilter
METRIC_MATH_CHARACTERS: Final = 2048  # [cloudwatch] MetricDataQuery's Expression

# --- Lambda
LAMBDA_PAYLOAD_BYTES: Final = 6 * MIB  # [lambda] synchronous: the event, and the answer
LAMBDA_EVENT_BYTES: Final = 1 * MIB  # [lambda] asynchronous
LAMBDA_STREAM_BYTES: Final = 200 * MIB  # [lambda] streamed answer
LAMBDA_TMP_MB_RANGE: Final = (512, 10_240)  # [lambda]
LAMBDA_MEMORY_MB_RANGE: Final = (128, 10_240)  # [lambda] in steps of 1 MB
LAMBDA_TIMEOUT_RANGE_SECONDS: Final = (1, 900)  # [lambda]
LAMBDA_TIMEOUT_SECONDS: Final = 3  # [lambda] default
LAMBDA_IMAGE_BYTES: Final = 10 * 1024 * MIB  # [lambda] uncompressed
LAMBDA_MB_PER_VCPU: Final = 1769  # [lambda]
LAMBDA_INIT_SECONDS: Final = 10.0  # [lambda] an init that takes longer is run again inside the invoke
LAMBDA_PROVISIONED_INIT_SECONDS: Final = 130.0  # [lambda] or the function's timeout, whichever is longer
LAMBDA_RESPONSE_BYTES: Final = 6_291_556  # observed in Function.ResponseSizeTooLarge: 6 MB and 100 bytes
LAMBDA_START_QUEUE_SECONDS: Final = 120.0  # [platform] an invocation waits for its turn to start a runtime
LAMBDA_ENVIRONMENT_BYTES: Final = 4096  # [lambda] all environment variables together
LAMBDA_ACCOUNT_CONCURRENCY: Final = 1000  # [lambda] environments of an account in a region
LAMBDA_UNRESERVED_CONCURRENCY: Final = 100  # [lambda] that must stay without reservation
LAMBDA_EVENT_RETRIES: Final = 2  # [lambda] default MaximumRetryAttempts
LAMBDA_EVENT_RETRY_SECONDS: Final = (60.0, 120.0)  # [lambda] before the first and the second retry
LAMBDA_EVENT_AGE_RANGE_SECONDS: Final = (60, 21_600)  # [lambda] MaximumEventAgeInSeconds, default the highest
LAMBDA_EVENT_BACKOFF_SECONDS: Final = (1.0, 300.0)  # [lambda] first and longest, after throttles, 5xx errors
LAMBDA_EVENT_BACKLOG: Final = 10_000  # [platform] events of one function that wait or are in process
LAMBDA_EVENT_BACKLOG_BYTES: Final = 1024 * MIB  # [platform] on disk, of all functions
LAMBDA_EVENT_CONCURRENCY: Final = 10  # [platform] events of one function at a time, if nothing is throttled
LAMBDA_INVOKE_ASYNC_BYTES: Final = 256 * 1024  # [model] the deprecated InvokeAsync
LAMBDA_CLIENT_CONTEXT_BYTES: Final = 3583  # [model] X-Amz-Client-Context, in base64
LAMBDA_SNS_RECORD_BYTES: Final = 256 * 1024  # [lambda] larger records go to SNS without payloads
LAMBDA_DEAD_LETTER_MESSAGE_BYTES: Final = 1024  # [lambda] ErrorMessage of a dead-lettered event
LAMBDA_LOG_TAIL_BYTES: Final = 4096  # [lambda] X-Amz-Log-Result
LAMBDA_IDLE_SECONDS: Final = 600.0  # observed: an idle environment is kept some 5 to 15 minutes
LAMBDA_UPDATE_SECONDS: Final = 5.0  # observed: Pending, or an update InProgress, of a function of an image
LAMBDA_NAME_CHARACTERS: Final = 64  # [lambda] a function's name; 140 with its ARN
LAMBDA_FUNCTION_PATTERN: Final = (  # [model] NamespacedFunctionName, without a qualifier
    r"(arn:aws[a-zA-Z-]*:lambda:[a-z0-9-]+:\d{12}:function:|\d{12}:function:)?[a-zA-Z0-9-_]{1,64}"
)
LAMBDA_QUALIFIER_PATTERN: Final = r"\$LATEST|[a-zA-Z0-9-_]{1,128}"  # [model] Qualifier of Invoke
LAMBDA_PAGE_ITEMS: Final = 50  # [lambda] of one answer of a List operation
LAMBDA_POLICY_BYTES: Final = 20_480  # [lambda] a resource policy
LAMBDA_ACCOUNT_CODE_BYTES: Final = 75 * 1024 * MIB  # [lambda] of all .zip functions and layers
LAMBDA_ZIP_BYTES: Final = 50 * MIB  # [lambda] a .zip archive
LAMBDA_UNZIPPED_BYTES: Final = 250 * MIB  # [lambda] a .zip archive and its layers, unpacked

# --- Catalog
SSM_STANDARD_PARAMETER_BYTES: Final = 4096  # [ssm] standard tier
SSM_ADVANCED_PARAMETER_BYTES: Final = 8192  # [ssm] advanced tier

# --- S3
S3_PUT_BYTES: Final = 5 * 1024 * MIB  # [s3] one PutObject or UploadPart

# --- Tasks
MAX_TEXT_CHARACTERS: Final = 100_000  # [platform] one text; at most 400 kB of UTF-8
MAX_SENTENCES_RANGE: Final = (1, 20)  # [platform] sentences of one summary
DEFAULT_MAX_SENTENCES: Final = 3  # [platform]
SIMILARITY_SCORE_RANGE: Final = (0.0, 5.0)  # KorSTS and STS-B annotate 0 (unrelated) to 5 (same meaning)

# --- Pictures and videos
DEFAULT_SCORE_THRESHOLD: Final = 0.5  # [platform] objects that are less certain are left out
EVERY_NTH_FRAME_RANGE: Final = (1, 10_000)  # [platform]
MAX_FRAMES_RANGE: Final = (1, 10_000)  # [platform] frames of a video that are looked at
DEFAULT_MAX_FRAMES: Final = 300  # [platform]
MAX_OBJECTS_RANGE: Final = (1, 100)  # [platform] objects of one frame
MAX_PICTURE_BYTES: Final = 256 * MIB  # [platform] a file; 50 million pixels fit in, and readers hold it whole
MAX_PICTURE_PIXELS: Final = 50_000_000  # [platform] a picture that unpacks to more is refused (150 MB as RGB)
ANNOTATED_PICTURE_BYTES: Final = 4 * MIB  # [platform] a JPEG; as base64 it fits an answer of Lambda's
