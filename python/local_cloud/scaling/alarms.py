"""Evaluates the alarms in moto's CloudWatch and carries out what they call for."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from local_cloud.clock import Clock
from local_cloud.scaling import moto_alarm, notifications, period
from local_cloud.scaling.composite import InvalidRule, Rule
from local_cloud.scaling.datapoints import Watched, read
from local_cloud.scaling.evaluation import Condition, State, evaluate
from local_cloud.scaling.moto_alarm import UnsupportedAlarm
from local_cloud.scaling.publisher import Publisher
from local_cloud.scaling.reasons import reason, reason_data, recent_datapoints
from local_cloud.scaling.samples import SampleIndex
from serving_contracts.limits import ALARM_INTERVAL_SECONDS

log = logging.getLogger(__name__)

_SCALING_POLICY: Final = ":scalingPolicy:"
_SNS: Final = ":sns:"


@dataclass(frozen=True, slots=True)
class PolicyCall:
    """An alarm calls a scaling policy. ``datapoints``: what it has evaluated, oldest first."""

    account: str
    region: str
    policy_arn: str
    alarm: Any
    datapoints: tuple[float, ...]


@dataclass(slots=True)
class _Known:
    """An alarm's configuration, read once; moto makes a new object of an alarm that is put again."""

    alarm: Any
    condition: Condition | None = None
    watched: Watched | None = None
    rule: Rule | None = None
    evaluated_to: int = -1


class AlarmWatch:
    """Used from one event loop; alarms are made, changed and deleted by moto's threads meanwhile."""

    def __init__(self, index: SampleIndex, clock: Clock, publisher: Publisher) -> None:
        self._index = index
        self._clock = clock
        self._publisher = publisher
        self._known: dict[str, _Known] = {}
        self._complained: set[str] = set()

    def interval(self) -> int:
        """Seconds (of the cloud's time) between two evaluations: what the shortest period needs."""
        periods = [known.watched.period for known in self._known.values() if known.watched is not None]
        return min((period.interval(each) for each in periods), default=ALARM_INTERVAL_SECONDS)

    def evaluate(self) -> list[PolicyCall]:
        """Evaluates every alarm that is due. One alarm's failure is logged, once, and does not concern the
        others.

        Returns:
            The scaling policies that are called now: as long as an alarm stays in its state they are called
            every period again, unlike all other actions, which follow a change of state.
        """
        calls: list[PolicyCall] = []
        present: set[str] = set()
        composite: list[tuple[str, Any]] = []
        for account, _, backend in cloudwatch_backends():
            for alarm in list(backend.alarms.values()):
                present.add(alarm.alarm_arn)
                if alarm.rule is not None:
                    composite.append((account, alarm))
                    continue
                self._guarded(account, alarm, calls)
        for account, alarm in composite:
            self._guarded(account, alarm, calls)
        for gone in self._known.keys() - present:
            del self._known[gone]
        self._complained &= present
        return calls

    def was_set(self, account: str, region: str, name: str, before: str) -> list[PolicyCall]:
        """SetAlarmState has changed an alarm: its actions are carried out as after an evaluation."""
        for of_account, of_region, backend in cloudwatch_backends():
            alarm = backend.alarms.get(name)
            if (of_account, of_region) == (account, region) and alarm is not None:
                datapoints = tuple(recent_datapoints(alarm.state_reason_data))
                return self._act(account, alarm, before, datapoints, changed=True)
        return []

    def _guarded(self, account: str, alarm: Any, calls: list[PolicyCall]) -> None:
        try:
            known = self._known.get(alarm.alarm_arn)
            if known is None or known.alarm is not alarm:
                known = self._known[alarm.alarm_arn] = _Known(alarm)
                self._complained.discard(alarm.alarm_arn)
                self._read_configuration(account, known)
            if known.rule is not None:
                self._evaluate_rule(account, known, known.rule)
            elif known.condition is not None and known.watched is not None:
                calls += self._evaluate_metric(account, known, known.condition, known.watched)
        except (UnsupportedAlarm, InvalidRule) as error:
            self._complain(alarm, "alarm %s is not evaluated: %s", alarm.name, error)
        except Exception as error:
            self._complain(alarm, "alarm %s cannot be evaluated", alarm.name, error=error)

    def _read_configuration(self, account: str, known: _Known) -> None:
        if known.alarm.rule is not None:
            known.rule = Rule(known.alarm.rule)
            return
        condition = moto_alarm.condition_of(known.alarm)
        known.watched = moto_alarm.watched_by(known.alarm, account)
        known.condition = condition

    def _evaluate_metric(
        self, account: str, known: _Known, condition: Condition, watched: Watched
    ) -> list[PolicyCall]:
        alarm, now, scale = known.alarm, self._clock.now(), self._clock.time_scale
        end = period.last_end(now.timestamp(), watched.period, scale)
        if end == known.evaluated_to:
            return []
        known.evaluated_to = end
        points = read(watched, self._index, end, condition.evaluation_range, scale)
        before = State(alarm.state_value)
        outcome = evaluate(condition, points, before)
        if outcome.state is not before:
            moto_alarm.change_state(
                alarm,
                outcome.state,
                reason(condition, outcome, before),
                reason_data(condition, outcome, now, watched.period, alarm.unit),
                now.replace(tzinfo=None),
            )
        datapoints = tuple(point.value for point in outcome.evaluated)
        return self._act(account, alarm, before, datapoints, changed=outcome.state is not before)

    def _evaluate_rule(self, account: str, known: _Known, rule: Rule) -> None:
        alarm, now = known.alarm, self._clock.now()
        others = {
            key: State(other.state_value)
            for of_account, region, backend in cloudwatch_backends()
            if (of_account, region) == (account, alarm.region_name)
            for other in list(backend.alarms.values())
            for key in (other.name, other.alarm_arn)
        }
        before = State(alarm.state_value)
        state = State.ALARM if rule.holds(others.get) else State.OK
        if state is before:
            return
        text = f"{alarm.alarm_arn} transitioned to {state} at {now:%A %d %B, %Y %H:%M:%S UTC}"
        moto_alarm.change_state(alarm, state, text, None, now.replace(tzinfo=None))
        self._act(account, alarm, before, (), changed=True)

    def _act(
        self, account: str, alarm: Any, before: str, datapoints: tuple[float, ...], *, changed: bool
    ) -> list[PolicyCall]:
        if not alarm.actions_enabled:
            return []
        calls = []
        for arn in moto_alarm.actions_of(alarm, alarm.state_value):
            if _SCALING_POLICY in arn:
                calls.append(PolicyCall(account, alarm.region_name, arn, alarm, datapoints))
            elif changed and _SNS in arn:
                self._publish(account, alarm, before, arn)
            elif changed:
                self._record(alarm, arn, "the local cloud carries out SNS and scaling policies only")
        return calls

    def _publish(self, account: str, alarm: Any, before: str, topic: str) -> None:
        message = notifications.message(alarm, account, before)
        subject = notifications.subject(alarm, alarm.state_value)

        def publish() -> None:
            from moto.sns.models import sns_backends

            try:
                backend: Any = sns_backends[account][alarm.region_name]
                backend.publish(message, arn=topic, subject=subject)
            except Exception as error:
                log.warning("alarm %s could not notify %s: %r", alarm.name, topic, error)
                self._record(alarm, topic, repr(error))
            else:
                self._record(alarm, topic, None, message)

        self._publisher.submit(publish)

    def _record(self, alarm: Any, arn: str, failure: str | None, message: str | None = None) -> None:
        summary = (
            f"Successfully executed action {arn}" if failure is None else f"Failed to execute action {arn}"
        )
        data = {"actionState": "Succeeded" if failure is None else "Failed", "notificationResource": arn}
        data |= {"publishedMessage": message} if message else {}
        data |= {"error": failure} if failure else {}
        now = self._clock.now().replace(tzinfo=None)
        moto_alarm.add_history(alarm, now, "Action", summary, data)

    def _complain(self, alarm: Any, text: str, *args: object, error: Exception | None = None) -> None:
        if alarm.alarm_arn not in self._complained:
            self._complained.add(alarm.alarm_arn)
            log.warning(text, *args, exc_info=error)


def cloudwatch_backends() -> Iterator[tuple[str, str, Any]]:
    """Account, region and backend of every CloudWatch in use; none as long as nobody has called it."""
    models: Any = sys.modules.get("moto.cloudwatch.models")
    if models is None:
        return
    for account, regions in list(models.cloudwatch_backends.items()):
        for region, backend in list(regions.items()):
            yield account, region, backend
