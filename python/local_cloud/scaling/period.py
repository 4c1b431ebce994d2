"""Periods under a time scale: which stretches of real time an alarm's datapoints stand for.

The cloud's time runs ``time_scale`` times as fast as the machine's: its second number is the seconds since
the epoch times the scale. Periods, their boundaries and the evaluation interval are laid out in it, so that
at scale 60 a period of 60 s is one real second, and what CloudWatch does each minute happens each second.
"""

from __future__ import annotations

import math
from typing import Final

from serving_contracts.limits import ALARM_HIGH_RESOLUTION_SECONDS, ALARM_INTERVAL_SECONDS

INGESTION_SECONDS: Final = 10
"""From the end of a period to its evaluation: what is measured at its very end must still arrive.
CloudWatch's own delay is not said; alarm histories show 5 to 40 s."""


def interval(period: int) -> int:
    """Seconds between two evaluations of an alarm with that period."""
    if period < ALARM_INTERVAL_SECONDS:
        return ALARM_HIGH_RESOLUTION_SECONDS
    return ALARM_INTERVAL_SECONDS


def last_end(now: float, period: int, time_scale: float) -> int:
    """The end of the newest complete period, in the cloud's seconds; ``now`` in seconds since the epoch.

    A period of several minutes is evaluated every minute, over a window that moves on by a minute.
    """
    every = interval(period)
    return math.floor((now * time_scale - INGESTION_SECONDS) / every) * every


def next_evaluation(now: float, every: int, time_scale: float) -> float:
    """Real seconds until the next evaluation of alarms that are evaluated each ``every`` seconds."""
    cloud = now * time_scale
    due = (math.floor((cloud - INGESTION_SECONDS) / every) + 1) * every + INGESTION_SECONDS
    return (due - cloud) / time_scale
