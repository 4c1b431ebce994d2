"""Where moto's CloudWatch stops short: metrics with several dimensions, composite alarms, alarms' states and
their history, and news of all that for the autoscaling engine."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Final

from local_cloud.moto_patch import patch
from local_cloud.scaling import hooks
from local_cloud.scaling.evaluation import State
from local_cloud.scaling.moto_alarm import INITIAL_REASON, add_history, change_state
from serving_contracts.limits import ALARM_HISTORY_PER_PAGE

_MOST_SAMPLES: Final = 100_000
"""Metric samples that are kept (about 50 MB): the newest, hours of them at a developer's pace."""


def mend() -> None:
    """Applied once, when moto's CloudWatch is first used."""
    _mend_metrics()
    _mend_alarms()
    _mend_alarm_states()


def _mend_metrics() -> None:
    """moto takes metrics of several dimensions for different ones at each sample (ListMetrics repeats them),
    orders dimensions by chance (GetMetricData misses them), counts samples of further dimensions in
    (GetMetricStatistics would add a container's to its variant's), and keeps samples without end."""
    import moto.cloudwatch.models as models

    statistics = models.CloudWatchBackend.get_metric_statistics
    put = models.CloudWatchBackend.put_metric_data

    def are_dimensions_same(some: Any, others: Any) -> bool:
        return _dimensions(some) == _dimensions(others)

    def before(self: Any, other: Any) -> bool:
        return bool((self.name, self.value) < (other.name, other.value))

    def get_metric_statistics(
        self: Any,
        namespace: str,
        metric_name: str,
        start_time: Any,
        end_time: Any,
        period: int,
        stats: Any,
        dimensions: Any,
        unit: str | None = None,
    ) -> Any:
        wanted = frozenset((dimension["Name"], dimension["Value"]) for dimension in dimensions or [])
        # The one thing that moto's own method asks of its backend.
        samples = [sample for sample in self.get_all_metrics() if _dimensions(sample.dimensions) == wanted]
        view: Any = SimpleNamespace(get_all_metrics=lambda: samples)
        return statistics(view, namespace, metric_name, start_time, end_time, period, stats, dimensions, unit)

    def put_metric_data(self: Any, namespace: str, metric_data: Any) -> None:
        put(self, namespace, metric_data)
        del self.metric_data[:-_MOST_SAMPLES]
        hooks.samples_put(self.account_id, self.region_name, namespace, metric_data)

    patch(models, are_dimensions_same)
    patch(models.Dimension, __lt__=before)
    patch(models.CloudWatchBackend, get_metric_statistics, put_metric_data)


def _mend_alarms() -> None:
    """moto keeps and describes composite alarms, but has no action that makes one. It starts alarms in OK
    and forgets the state of one that is put again; CloudWatch starts them in INSUFFICIENT_DATA and keeps it.
    """
    from moto.cloudwatch.models import CloudWatchBackend
    from moto.cloudwatch.responses import CloudWatchResponse

    put = CloudWatchBackend.put_metric_alarm

    def put_composite_alarm(self: Any) -> Any:
        return self.put_metric_alarm()

    def put_metric_alarm(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        known = self.alarms.get(name)
        alarm: Any = put(self, name, *args, **kwargs)
        now = alarm.configuration_updated_timestamp
        if known is None:
            alarm.state_value = str(State.INSUFFICIENT_DATA)
            alarm.state_reason, alarm.state_reason_data = INITIAL_REASON, None
            alarm.state_transitioned_timestamp = now
        else:
            for kept in (
                "state_value",
                "state_reason",
                "state_reason_data",
                "state_updated_timestamp",
                "state_transitioned_timestamp",
                "history",
            ):
                setattr(alarm, kept, getattr(known, kept))
        what = "created" if known is None else "updated"
        data = {"version": "1.0", "type": "Create" if known is None else "Update"}
        add_history(alarm, now, "ConfigurationUpdate", f'Alarm "{name}" {what}', data)
        return alarm

    patch(CloudWatchResponse, put_composite_alarm)
    patch(CloudWatchBackend, put_metric_alarm)


def _mend_alarm_states() -> None:
    """SetAlarmState tells the engine, whose business the alarm's actions are. DescribeAlarmHistory: moto has
    no such action."""
    from moto.cloudwatch.models import Alarm, CloudWatchBackend
    from moto.cloudwatch.responses import CloudWatchResponse
    from moto.core.responses import ActionResult
    from moto.core.utils import utcnow

    set_state = CloudWatchBackend.set_alarm_state

    def update_state(self: Any, reason: str, reason_data: str, state_value: str) -> None:
        change_state(self, State(state_value), reason, reason_data, utcnow())

    def set_alarm_state(self: Any, alarm_name: str, reason: str, reason_data: str, state_value: str) -> None:
        alarm = self.alarms.get(alarm_name)
        before = None if alarm is None else alarm.state_value
        set_state(self, alarm_name, reason, reason_data, state_value)
        if before is not None and before != state_value:
            hooks.alarm_set(self.account_id, self.region_name, alarm_name, before)

    def describe_alarm_history(self: Any) -> Any:
        name, kind = self._get_param("AlarmName"), self._get_param("HistoryItemType")
        start, end = self._get_param("StartDate"), self._get_param("EndDate")
        types = self._get_param("AlarmTypes") or ["MetricAlarm"]
        items = [
            item
            for alarm in list(self.cloudwatch_backend.alarms.values())
            for item in list(alarm.history)
            if name in (None, alarm.name)
            and kind in (None, item["HistoryItemType"])
            and (name is not None or item["AlarmType"] in types)
            and (start is None or _naive(start) <= item["Timestamp"])
            and (end is None or item["Timestamp"] <= _naive(end))
        ]
        items.sort(key=lambda item: item["Timestamp"])
        if self._get_param("ScanBy") != "TimestampAscending":
            items.reverse()
        return ActionResult(_page(items, self._get_param("MaxRecords"), self._get_param("NextToken")))

    patch(Alarm, update_state)
    patch(CloudWatchBackend, set_alarm_state)
    patch(CloudWatchResponse, describe_alarm_history)


def _page(items: list[Mapping[str, Any]], most: Any, token: str | None) -> dict[str, Any]:
    start = int(token) if token and token.isdecimal() else 0
    end = start + min(int(most or ALARM_HISTORY_PER_PAGE), ALARM_HISTORY_PER_PAGE)
    answer: dict[str, Any] = {"AlarmHistoryItems": items[start:end]}
    return answer | ({"NextToken": str(end)} if end < len(items) else {})


def _naive(moment: Any) -> Any:
    return moment.replace(tzinfo=None)


def _dimensions(dimensions: Any) -> frozenset[tuple[str, str]]:
    return frozenset((dimension.name, dimension.value) for dimension in dimensions)
