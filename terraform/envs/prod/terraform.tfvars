environment        = "prod"
log_retention_days = 365

# allowed_account_ids = ["<account of prod>"]
# alarm_emails        = ["oncall@example.com"]

endpoints = {
  korean-nlp = {
    mode = "Direct"

    variants = {
      blue = {
        instance_type  = "ml.m5.xlarge"
        instance_count = 2 # SageMaker places two or more in different Availability Zones

        containers = {
          sentiment     = { model = "sentiment" }
          similarity    = { model = "similarity" }
          summarization = { model = "summarization" }
        }
      }
    }

    autoscaling = { min = 2, max = 6, invocations_per_instance = 3000 }
    alarms      = { server_error_percent = 0.5, latency_p99_ms = 300, memory_percent = 90, no_traffic_minutes = 60 }

    # A tenth of the instances first, but at least a whole one, which of two is half; five minutes under the eyes of the
    # alarms; then the rest.
    deployment = { strategy = "CANARY", step_percent = 10, wait_seconds = 300, termination_wait_seconds = 300 }

    # Containers without a way to the internet: subnets of two zones or more, with endpoints for S3, ECR, Logs and STS.
    # vpc = { subnet_ids = ["subnet-…", "subnet-…"], security_group_ids = ["sg-…"] }

    # One request in twenty, with its answer, for later evaluation. Mind what your callers' texts may contain.
    # data_capture = { sampling_percent = 5 }
  }
}

async_endpoints = {
  image-segmentation = {
    model                      = "instance_segmentation"
    instance_type              = "ml.m5.xlarge"
    invocation_timeout_seconds = 1800 # a long video takes its time

    # min = 0 costs nothing while nobody asks, but then the first request waits for an instance, about five minutes.
    autoscaling = { min = 1, max = 4, backlog_per_instance = 5, scale_in_cooldown_seconds = 600 }
    alarms      = { oldest_request_seconds = 900, memory_percent = 90 }

    # The new instances are watched for five minutes before the old ones go.
    deployment = { strategy = "ALL_AT_ONCE", wait_seconds = 300, termination_wait_seconds = 300 }

    # Requests that lie in other buckets already, and the keys of those buckets.
    # input_locations    = ["s3://<bucket>/<prefix>/"]
    # input_kms_key_arns = ["arn:aws:kms:<region>:<account>:key/<id>"]

    # notifications = { error_emails = ["oncall@example.com"] }
  }
}

serverless_endpoints = {
  sentiment-serverless = {
    model           = "sentiment"
    memory_mb       = 3072
    max_concurrency = 50

    # Two environments are always ready, up to ten when they are busy; what comes beyond starts cold. They are billed for
    # every second, asked or not (docs/deploy.md): without this line the endpoint costs nothing while nobody asks.
    autoscaling = { min = 2, max = 10 }
    alarms      = { server_error_percent = 0.5, latency_p99_ms = 500, spillovers = 20 }
  }

  # Asked now and then: its callers can wait for a cold start.
  similarity-serverless = {
    model           = "similarity"
    memory_mb       = 3072
    max_concurrency = 20
    alarms          = { server_error_percent = 0.5 }
  }
}

functions = {
  object-detection = {
    model           = "object_detection"
    memory_mb       = 5307 # three vCPUs
    timeout_seconds = 30

    # Never more than fifty at a time, so that a rush here leaves the account's other functions theirs: of its quota 100 must
    # stay unreserved.
    reserved_concurrency = 50

    # Two of them are always ready, and billed for every second, asked or not (docs/deploy.md). Leave it out for the time of a
    # canary, and where a second of cold start is bearable.
    autoscaling = { min = 2, max = 20, utilization = 0.7 }

    url     = {} # requests to it are signed
    events  = { max_age_seconds = 3600, dead_letter_queue = true }
    logging = { format = "JSON" }
    tracing = true
    alarms  = { error_percent = 1, duration_percent = 50, spillovers = 20 }
  }

  # Without environments that are kept ready a new version can be tried on a part of the requests: see canary in
  # docs/terraform.md.
  sentiment-function = {
    model                = "sentiment"
    memory_mb            = 1769 # one vCPU
    timeout_seconds      = 30
    reserved_concurrency = 50
    events               = { max_age_seconds = 3600 }
    logging              = { format = "JSON" }
    tracing              = true
    alarms               = { error_percent = 1, duration_percent = 50 }

    # canary = { stable_version = "3", weight = 0.1 }
  }
}
