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
