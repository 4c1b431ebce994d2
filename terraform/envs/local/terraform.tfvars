environment        = "local"
log_retention_days = 1

endpoints = {
  korean-nlp = {
    mode = "Direct"

    variants = {
      blue = {
        instance_type  = "ml.m5.large"
        instance_count = 1

        containers = {
          sentiment     = { model = "sentiment" }
          similarity    = { model = "similarity" }
          summarization = { model = "summarization" }
        }
      }
    }

    autoscaling = { min = 1, max = 2, invocations_per_instance = 600 }

    # Alarms are there to be looked at; an update on a laptop does not wait for them.
    deployment = { strategy = "ALL_AT_ONCE", wait_seconds = 0, termination_wait_seconds = 0 }
  }
}

async_endpoints = {
  image-segmentation = {
    model         = "instance_segmentation"
    instance_type = "ml.m5.large"

    autoscaling = { min = 0, max = 2, backlog_per_instance = 4 }
    deployment  = { strategy = "ALL_AT_ONCE", wait_seconds = 0, termination_wait_seconds = 0 }
  }
}

serverless_endpoints = {
  sentiment-serverless  = { model = "sentiment", memory_mb = 1024, max_concurrency = 5 }
  similarity-serverless = { model = "similarity", memory_mb = 1024, max_concurrency = 5 }
}

functions = {
  object-detection = {
    model           = "object_detection"
    memory_mb       = 1769 # one vCPU
    timeout_seconds = 30
    url             = {} # requests to it are signed
    events          = { retries = 2, failure_queue = true }
  }

  sentiment-function = {
    model           = "sentiment"
    memory_mb       = 1024
    timeout_seconds = 30
    events          = { failure_queue = false }
  }
}
