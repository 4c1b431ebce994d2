"""SageMaker as the local cloud offers it: control plane (JSON 1.1) and runtime (REST)."""
