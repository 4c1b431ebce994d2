"""Metrics to CloudWatch: counted in memory on the request path, sent as aggregates every ten seconds."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from local_cloud.hosting.aws import Aws

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.literals import StandardUnitType
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

    from local_cloud.hosting.specs import Clock

FLUSH_INTERVAL_S: Final = 10.0
LAST_FLUSH_S: Final = 10.0
"""How long an end waits for the last samples to be taken."""
MAX_UNSENT: Final = 5_000
MAX_VALUES: Final = 150
"""PutMetricData: at most 150 different values in one datum."""
DATA_PER_CALL: Final = 500
"""PutMetricData takes 1,000; half of it keeps a call under 1 MB."""

_log = logging.getLogger(__name__)


class Series:
    """One metric with its dimensions since the last flush.

    Up to MAX_VALUES samples are sent one by one (``Values``/``Counts``), so that percentiles can be had;
    more as a statistic set, which costs the same however many requests there were.
    """

    __slots__ = ("_hub", "count", "datum", "maximum", "minimum", "namespace", "total", "values")

    def __init__(self, hub: MetricHub, namespace: str, datum: MetricDatumTypeDef) -> None:
        self._hub = hub
        self.namespace = namespace
        self.datum = datum
        self._reset()

    def add(self, value: float) -> None:
        """One sample. Costs well under a microsecond."""
        if not self.count:
            self._hub.touched(self)
            self.minimum = self.maximum = value
        elif value < self.minimum:
            self.minimum = value
        elif value > self.maximum:
            self.maximum = value
        self.count += 1
        self.total += value
        if self.count <= MAX_VALUES:
            self.values.append(value)

    def take(self, now: datetime) -> MetricDatumTypeDef:
        """The datum since the last take; the series starts anew."""
        datum: MetricDatumTypeDef = {**self.datum, "Timestamp": now}
        if self.count <= MAX_VALUES:
            counts: dict[float, int] = {}
            for value in self.values:
                counts[value] = counts.get(value, 0) + 1
            datum["Values"] = list(counts)
            datum["Counts"] = list(counts.values())
        else:
            datum["StatisticValues"] = {
                "SampleCount": self.count,
                "Sum": self.total,
                "Minimum": self.minimum,
                "Maximum": self.maximum,
            }
        self._reset()
        return datum

    def _reset(self) -> None:
        self.count = 0
        self.total = self.minimum = self.maximum = 0.0
        self.values: list[float] = []


class MetricHub:
    """Makes series and sends them; sends nothing while nothing is counted."""

    def __init__(self, aws: Aws, clock: Clock) -> None:
        self._aws = aws
        self._clock = clock
        self._wake = asyncio.Event()
        self._touched: list[Series] = []
        self._unsent: list[tuple[str, MetricDatumTypeDef]] = []
        self._task: asyncio.Task[None] | None = None
        self._sending = asyncio.Lock()

    def series(
        self, namespace: str, name: str, dimensions: Mapping[str, str], unit: StandardUnitType
    ) -> Series:
        """A new series. Keep it: each call makes another."""
        return Series(
            self,
            namespace,
            {
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                "Unit": unit,
            },
        )

    def touched(self, series: Series) -> None:
        """Called by a series with its first sample since the last flush."""
        self._touched.append(series)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="metrics")
        self._wake.set()

    async def flush(self) -> None:
        """Send what was counted. What cannot be sent is kept, the newest MAX_UNSENT data of it."""
        # Not cancelled with its caller: what is half sent would be sent twice.
        await asyncio.shield(asyncio.create_task(self._flush()))

    async def _flush(self) -> None:
        async with self._sending:
            now = datetime.now(UTC)
            touched, self._touched = self._touched, []
            self._unsent += [(series.namespace, series.take(now)) for series in touched]
            while self._unsent:
                namespace = self._unsent[0][0]
                part = [entry for entry in self._unsent if entry[0] == namespace][:DATA_PER_CALL]
                try:
                    await self._aws.run(self._put, namespace, [datum for _, datum in part])
                except (ClientError, BotoCoreError, OSError, RuntimeError) as error:
                    del self._unsent[:-MAX_UNSENT]
                    _log.warning("metrics could not be sent and are kept: %s", error)
                    return
                sent = {id(entry) for entry in part}
                self._unsent = [entry for entry in self._unsent if id(entry) not in sent]

    async def close(self) -> None:
        """Send what is left and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_FLUSH_S):
                await self.flush()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._clock.scaled(FLUSH_INTERVAL_S))
            self._wake.clear()
            await self.flush()
            if self._unsent:
                self._wake.set()

    def _put(self, namespace: str, data: list[MetricDatumTypeDef]) -> None:
        self._aws.cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
