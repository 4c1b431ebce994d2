"""Scaling as CloudWatch, Application Auto Scaling and SageMaker do it together, on moto's storage.

Alarms are evaluated (:mod:`.alarms`), target tracking and step policies answer them (:mod:`.decisions`), and
the control plane changes instance counts (:mod:`.capacity`). :class:`ScalingEngine` runs it all.
"""

from local_cloud.scaling.capacity import EndpointCapacity
from local_cloud.scaling.engine import ScalingEngine

__all__ = ["EndpointCapacity", "ScalingEngine"]
