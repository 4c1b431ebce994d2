"""Scaling as CloudWatch, Application Auto Scaling and SageMaker do it together, on moto's storage.

Alarms are evaluated (:mod:`.alarms`), target tracking and step policies answer them (:mod:`.decisions`), and
control planes change capacities (:mod:`.capacity`, :mod:`.function_capacity`). :class:`ScalingEngine` runs
it all; :mod:`.kinds` says what can be scaled.
"""

from local_cloud.scaling.capacity import Capacity, EndpointCapacity, ServerlessCapacity
from local_cloud.scaling.engine import ScalingEngine
from local_cloud.scaling.function_capacity import FunctionCapacity
from local_cloud.scaling.kinds import INSTANCES, LAMBDA, SERVERLESS

__all__ = [
    "INSTANCES",
    "LAMBDA",
    "SERVERLESS",
    "Capacity",
    "EndpointCapacity",
    "FunctionCapacity",
    "ScalingEngine",
    "ServerlessCapacity",
]
