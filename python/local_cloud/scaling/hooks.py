"""What moto tells the autoscaling engine, and asks of it. moto calls from its own threads.

moto's services live as long as the process and know nothing of local clouds; an engine listens while its
cloud runs. Without a listener everything is stored as moto stores it, and nothing scales.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol


class Listener(Protocol):
    """:class:`local_cloud.scaling.engine.ScalingEngine` is it. Every method may be called by any thread."""

    def samples_put(
        self, account: str, region: str, namespace: str, data: Iterable[Mapping[str, Any]]
    ) -> None:
        """PutMetricData has stored ``data``, its MetricData."""

    def alarm_set(self, account: str, region: str, name: str, before: str) -> None:
        """SetAlarmState has changed an alarm's state from ``before``."""

    def target_registered(
        self, account: str, region: str, namespace: str, dimension: str, resource: str
    ) -> None:
        """RegisterScalableTarget has made or changed a scalable target."""

    def activities(self, account: str, region: str) -> list[dict[str, Any]]:
        """All scaling activities, newest first, as DescribeScalingActivities shows them."""


_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Every event goes to ``listener`` (and to those before it) until :func:`unlisten`."""
    _listeners.append(listener)


def unlisten(listener: Listener) -> None:
    """Idempotent."""
    if listener in _listeners:
        _listeners.remove(listener)


def samples_put(account: str, region: str, namespace: str, data: Iterable[Mapping[str, Any]]) -> None:
    for listener in list(_listeners):
        listener.samples_put(account, region, namespace, data)


def alarm_set(account: str, region: str, name: str, before: str) -> None:
    for listener in list(_listeners):
        listener.alarm_set(account, region, name, before)


def target_registered(account: str, region: str, namespace: str, dimension: str, resource: str) -> None:
    for listener in list(_listeners):
        listener.target_registered(account, region, namespace, dimension, resource)


def activities(account: str, region: str) -> list[dict[str, Any]]:
    return [activity for listener in list(_listeners) for activity in listener.activities(account, region)]
