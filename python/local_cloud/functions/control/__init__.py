"""Lambda's control plane: functions, versions, aliases, concurrency, permissions and function URLs."""
