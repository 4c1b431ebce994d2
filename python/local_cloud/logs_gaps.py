"""Where moto's CloudWatch Logs stops short: metric filters are kept, but make no metrics; filter patterns of
FilterLogEvents are hardly read; events are kept without end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from local_cloud.log_filters import Event, InvalidPattern, MetricFilter, read_pattern
from local_cloud.moto_patch import patch

MOST_EVENTS: Final = 100_000
"""Log events that are kept of one account and region (about 60 MB); streams that were silent longest lose
theirs first."""
_KEPT_SHARE: Final = 0.9
"""Of these that is left when there were too many: so that not every further batch has to make room."""

_log: Final = logging.getLogger(__name__)


def mend(mend_cloudwatch: Callable[[], None]) -> None:
    """Applied once, when moto's CloudWatch Logs is first used. ``mend_cloudwatch`` makes sure that CloudWatch
    is mended before samples are put there."""
    _mend_filters()
    _mend_events(mend_cloudwatch)
    _mend_search()


def _mend_filters() -> None:
    """PutMetricFilter takes any pattern, and makes a second filter of the same name; filters outlive their
    log group."""
    from moto.core.utils import unix_time_millis
    from moto.logs.exceptions import ResourceNotFoundException
    from moto.logs.models import LogsBackend

    delete_group = LogsBackend.delete_log_group

    def put_metric_filter(
        self: Any, filter_name: str, filter_pattern: str, log_group_name: str, metric_transformations: Any
    ) -> None:
        if log_group_name not in self.groups:
            raise ResourceNotFoundException
        try:
            for transformation in metric_transformations:
                MetricFilter(filter_pattern, transformation)
        except InvalidPattern as error:
            raise _invalid(error) from None
        _remove(self, lambda known: _key(known) == (log_group_name, filter_name))
        self.filters.metric_filters.append(
            {
                "filterName": filter_name,
                "filterPattern": filter_pattern,
                "logGroupName": log_group_name,
                "metricTransformations": metric_transformations,
                "creationTime": int(unix_time_millis()),
            }
        )

    def delete_metric_filter(self: Any, filter_name: str, log_group_name: str) -> None:
        if not _remove(self, lambda known: _key(known) == (log_group_name, filter_name)):
            raise ResourceNotFoundException("The specified metric filter does not exist.")

    def delete_log_group(self: Any, log_group_name: str) -> None:
        delete_group(self, log_group_name)
        _remove(self, lambda known: known["logGroupName"] == log_group_name)

    patch(LogsBackend, put_metric_filter, delete_metric_filter, delete_log_group)


def _mend_events(mend_cloudwatch: Callable[[], None]) -> None:
    """PutLogEvents: what metric filters make of the events, and room for them."""
    from moto.logs.models import LogsBackend

    put = LogsBackend.put_log_events

    def put_log_events(
        self: Any, log_group_name: str, log_stream_name: str, log_events: list[dict[str, Any]]
    ) -> Any:
        answer = put(self, log_group_name, log_stream_name, log_events)
        filters = [
            known for known in list(self.filters.metric_filters) if known["logGroupName"] == log_group_name
        ]
        if filters:
            mend_cloudwatch()
            _put_samples(self, filters, log_events)
        _make_room(self, len(log_events))
        return answer

    patch(LogsBackend, put_log_events)


def _mend_search() -> None:
    """FilterLogEvents: moto looks for words, and takes anything else for a match."""
    from moto.logs import models

    class EventMessageFilter:
        """Under the name and with the one method that moto calls."""

        def __init__(self, pattern: str | None) -> None:
            try:
                self._pattern = read_pattern(pattern or "")
            except InvalidPattern as error:
                raise _invalid(error) from None

        def matches(self, message: str) -> bool:
            return self._pattern.match(message) is not None

    patch(models, EventMessageFilter=EventMessageFilter)


def _put_samples(backend: Any, filters: Sequence[Mapping[str, Any]], log_events: Sequence[Any]) -> None:
    from moto.cloudwatch.models import cloudwatch_backends

    metrics: Any = cloudwatch_backends[backend.account_id][backend.region_name]
    events = [Event(event["timestamp"], event["message"]) for event in log_events]
    for known in filters:
        try:
            for transformation in known["metricTransformations"]:
                each = MetricFilter(known["filterPattern"], transformation)
                samples = each.samples(events)
                if samples:
                    metrics.put_metric_data(each.namespace, samples)
        except Exception:  # the events are stored: whoever sent them must not send them again
            _log.exception(
                "metric filter %s of %s made no metric", known["filterName"], known["logGroupName"]
            )


def _make_room(backend: Any, added: int) -> None:
    backend.kept_events = getattr(backend, "kept_events", 0) + added
    if backend.kept_events <= MOST_EVENTS:
        return
    streams = [stream for group in list(backend.groups.values()) for stream in list(group.streams.values())]
    streams.sort(key=lambda stream: stream.last_ingestion_time or stream.creation_time)
    # Counted anew: streams and groups were deleted meanwhile.
    kept = sum(len(stream.events) for stream in streams)
    for stream in streams:
        surplus = kept - int(MOST_EVENTS * _KEPT_SHARE)
        if surplus <= 0:
            break
        kept -= min(surplus, len(stream.events))
        del stream.events[:surplus]
    backend.kept_events = kept


def _remove(backend: Any, matches: Callable[[Mapping[str, Any]], bool]) -> bool:
    """Whether there was a metric filter to be removed."""
    known = backend.filters.metric_filters
    backend.filters.metric_filters = [each for each in known if not matches(each)]
    return len(backend.filters.metric_filters) < len(known)


def _key(known: Mapping[str, Any]) -> tuple[str, str]:
    return known["logGroupName"], known["filterName"]


def _invalid(error: InvalidPattern) -> Exception:
    from moto.logs.exceptions import InvalidParameterException

    return InvalidParameterException(f"Invalid metric filter or filter pattern: {error}.")
