environment         = "local"
force_destroy       = true
expire_old_versions = false
