"""Scaling activities: what was scaled and why, in Application Auto Scaling's words.

Source: "Scaling activities for Application Auto Scaling", user guide.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from local_cloud.clock import Clock
from local_cloud.scaling.kinds import INSTANCES, CapacityKind

MOST_ACTIVITIES: Final = 1_000
"""Activities that are kept of one account and region. Application Auto Scaling keeps six weeks of them."""


class Status(StrEnum):
    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    SUCCESSFUL = "Successful"
    OVERRIDDEN = "Overridden"
    UNFULFILLED = "Unfulfilled"
    FAILED = "Failed"


class NotScaled(StrEnum):
    """Why a policy that was triggered changed nothing (NotScaledReasons)."""

    AT_MAXIMUM = "AlreadyAtMaxCapacity"
    AT_MINIMUM = "AlreadyAtMinCapacity"
    AT_DESIRED = "AlreadyAtDesiredCapacity"


@dataclass(slots=True)
class Activity:
    """One entry of DescribeScalingActivities; its end is told by :meth:`end`."""

    kind: CapacityKind
    resource: str
    description: str
    cause: str
    started: datetime
    status: Status = Status.PENDING
    ended: datetime | None = None
    message: str | None = None
    not_scaled: tuple[Mapping[str, Any], ...] = ()
    activity_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def end(self, status: Status, moment: datetime, message: str) -> None:
        self.message, self.ended = message, moment
        self.status = status

    def described(self) -> dict[str, Any]:
        """As JSON; moments are seconds since the epoch."""
        answer: dict[str, Any] = {
            "ActivityId": self.activity_id,
            "ServiceNamespace": self.kind.namespace,
            "ResourceId": self.resource,
            "ScalableDimension": self.kind.dimension,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": self.started.timestamp(),
            "StatusCode": str(self.status),
        }
        if self.ended is not None:
            answer["EndTime"] = self.ended.timestamp()
        if self.message is not None:
            answer["StatusMessage"] = self.message
        if self.not_scaled:
            answer["NotScaledReasons"] = list(self.not_scaled)
        return answer


class ActivityLog:
    """The activities of one account and region. Written by the event loop, read by any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._activities: deque[Activity] = deque(maxlen=MOST_ACTIVITIES)

    def begin(self, resource: str, capacity: int, cause: str, kind: CapacityKind = INSTANCES) -> Activity:
        """A new activity that sets ``capacity``; Pending."""
        description = f"Setting desired {kind.noun} to {capacity}."
        activity = Activity(kind, resource, description, cause, self._clock.now())
        self._activities.append(activity)
        return activity

    def not_scaled(
        self, resource: str, cause: str, reason: Mapping[str, Any], kind: CapacityKind = INSTANCES
    ) -> None:
        """A policy was triggered and changed nothing. Said once for as long as that stays so, although the
        policy is triggered every minute."""
        last = next(
            (each for each in reversed(self._activities) if (each.kind, each.resource) == (kind, resource)),
            None,
        )
        if last is not None and last.not_scaled == (reason,) and last.cause == cause:
            return
        description = "Attempting to scale due to alarm triggered"
        activity = Activity(kind, resource, description, cause, self._clock.now(), Status.FAILED)
        activity.not_scaled = (reason,)
        self._activities.append(activity)

    def described(self) -> list[dict[str, Any]]:
        """Newest first."""
        return [activity.described() for activity in reversed(list(self._activities))]
