"""Scalable targets end with their endpoint, as SageMaker deregisters them when one is deleted.

Source: "Delete endpoints configured for automatic scaling", SageMaker developer guide.
"""

from __future__ import annotations

from local_cloud.autoscaling_gaps import deregister_endpoint
from local_cloud.sagemaker.endpoints import Endpoints


def deregister_gone_endpoints(endpoints: Endpoints) -> None:
    """From now on: whenever one of ``endpoints`` is deleted."""
    endpoints.on_gone(lambda arn: deregister_endpoint(arn.rpartition("/")[2]))
