"""What a function reads from its environment: where the model lies, how many threads its memory pays for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from serving_contracts.limits import LAMBDA_MB_PER_VCPU


def find_model(environment: Mapping[str, str]) -> Path:
    """``$SERVING_MODEL_DIR``, else ``$LAMBDA_TASK_ROOT/model``, else ``model`` beside this package."""
    if named := environment.get("SERVING_MODEL_DIR", "").strip():
        return Path(named)
    root = environment.get("LAMBDA_TASK_ROOT", "").strip()
    if root and (model := Path(root, "model")).is_dir():
        return model
    return Path(__file__).resolve().parents[1] / "model"


def function_threads(environment: Mapping[str, str], available: int) -> int:
    """The vCPUs that the function's memory comes with, rounded, from 1 to the ``available`` ones.

    Lambda gives CPU time in proportion to memory, one vCPU at 1,769 MB. Two threads that share the time of
    one run slower than one. Without the variable, outside Lambda, it is ``available``.
    """
    memory = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "").strip()
    if not memory:
        return available
    if not memory.isdecimal():
        from serving.settings import BadSetting  # with all settings of a server, which are of no use here

        raise BadSetting(f"AWS_LAMBDA_FUNCTION_MEMORY_SIZE={memory!r} is not usable: it is the memory in MB.")
    return max(1, min(available, round(int(memory) / LAMBDA_MB_PER_VCPU)))
