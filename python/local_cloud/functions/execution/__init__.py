"""Runs functions: execution environments, their Runtime APIs, concurrency, logs and metrics.

``Execution`` is the whole; it implements :class:`local_cloud.functions.specs.ExecutionService`.
"""

from local_cloud.functions.execution.service import Execution
from local_cloud.functions.execution.settings import ExecutionSettings

__all__ = ["Execution", "ExecutionSettings"]
