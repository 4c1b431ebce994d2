environment  = "dev"
state_bucket = true
