environment = "staging"

# allowed_account_ids = ["<account of staging>"]
# alarm_emails        = ["oncall@example.com"]

endpoints = {
  korean-nlp = {
    mode = "Direct"

    # Instances and updates like prod's, so that what is measured here holds there; a canary needs two instances.
    variants = {
      blue = {
        instance_type = "ml.m5.xlarge"

        containers = {
          sentiment     = { model = "sentiment" }
          similarity    = { model = "similarity" }
          summarization = { model = "summarization" }
        }
      }
    }

    autoscaling = { min = 2, max = 3, invocations_per_instance = 3000 }
    deployment  = { strategy = "CANARY", step_percent = 50, wait_seconds = 120 }
  }
}

async_endpoints = {
  image-segmentation = {
    model                      = "instance_segmentation"
    instance_type              = "ml.m5.xlarge"
    invocation_timeout_seconds = 1800

    autoscaling = { min = 0, max = 2, backlog_per_instance = 5 }
    deployment  = { strategy = "ALL_AT_ONCE", wait_seconds = 120 }
  }
}

# Sizes like prod's, so that what is measured here holds there; nothing is kept ready.
serverless_endpoints = {
  sentiment-serverless  = { model = "sentiment", memory_mb = 3072, max_concurrency = 20 }
  similarity-serverless = { model = "similarity", memory_mb = 3072, max_concurrency = 20 }
}

functions = {
  object-detection = {
    model           = "object_detection"
    memory_mb       = 5307 # three vCPUs
    timeout_seconds = 30
    url             = {} # requests to it are signed
    logging         = { format = "JSON" }
    tracing         = true

    # For the minutes of a canary; then leave it out.
    # canary = { stable_version = "3", weight = 0.1 }
  }

  sentiment-function = {
    model           = "sentiment"
    memory_mb       = 1769 # one vCPU
    timeout_seconds = 30
    logging         = { format = "JSON" }
    tracing         = true
  }
}
