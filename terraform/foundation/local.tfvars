environment     = "local"
force_destroy   = true
lifecycle_rules = false
