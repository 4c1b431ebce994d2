"""The engine on moto's real storage, with a clock and variants of the test's."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from scaling_fakes import DIMENSION, REGION, RESOURCE, Account, FakeClock, FakeVariants

from local_cloud.autoscaling_gaps import deregister_endpoint
from local_cloud.scaling import ScalingEngine


class World:
    """A minute of the cloud's time at a step: samples come, then everything is evaluated."""

    def __init__(
        self, account: Account, clock: FakeClock, variants: FakeVariants, engine: ScalingEngine
    ) -> None:
        self.account, self.clock, self.variants, self.engine = account, clock, variants, engine
        clock.pass_minutes(0.3)  # past what an evaluation waits for

    async def minute(self, times: int = 1, **samples: float) -> int:
        for _ in range(times):
            for name, value in samples.items():
                self.account.put(self.clock, name, value)
            self.clock.pass_minutes(1)
            self.engine.evaluate()
            await self.engine.settled()
        return self.count

    @property
    def count(self) -> int:
        return self.variants.counts[RESOURCE]

    def state(self, name: str = "alarm") -> str:
        return str(self.account.cloudwatch.alarms[name].state_value)

    @property
    def causes(self) -> list[str]:
        return [each["Cause"] for each in self.activities]

    @property
    def activities(self) -> list[dict[str, Any]]:
        found = self.engine.activities(self.account.id, REGION)
        return [each for each in found if "NotScaledReasons" not in each]

    async def soon(self) -> None:
        """Lets what moto has told the engine happen."""
        import asyncio

        for _ in range(3):
            await asyncio.sleep(0)
        await self.engine.settled()


@pytest.fixture
def world(account: Account, clock: FakeClock, variants: FakeVariants, engine: ScalingEngine) -> World:
    return World(account, clock, variants, engine)


async def test_an_endpoint_leaves_zero_follows_its_backlog_and_goes_back_to_zero(world: World) -> None:
    world.variants.counts[RESOURCE] = 0
    world.account.register(0, 2)
    world.account.track(5.0, ScaleInCooldown=300, ScaleOutCooldown=300)
    wake = world.account.step("wake", Cooldown=300)
    world.account.alarm(
        "has-backlog",
        metric_name="HasBacklogWithoutCapacity",
        comparison_operator="GreaterThanOrEqualToThreshold",
        threshold=1.0,
        evaluation_periods=2,
        alarm_actions=[wake.policy_arn],
    )
    assert await world.minute(20, Backlog=0, HasBacklogWithoutCapacity=0) == 0
    assert world.state("has-backlog") == "OK"
    # Two minutes with the backlog, as the alarm says.
    assert await world.minute(Backlog=3, HasBacklogWithoutCapacity=1) == 0
    assert await world.minute(Backlog=3, HasBacklogWithoutCapacity=1) == 1
    assert world.causes[0] == "monitor alarm has-backlog in state ALARM triggered policy wake"
    # More comes than one instance should have: three minutes above the target.
    assert await world.minute(2, Backlog=9, HasBacklogWithoutCapacity=0) == 1
    assert await world.minute(Backlog=9, HasBacklogWithoutCapacity=0) == 2
    # All is done: fifteen minutes below nine tenths of it.
    assert await world.minute(14, Backlog=0, HasBacklogWithoutCapacity=0) == 2
    assert await world.minute(Backlog=0, HasBacklogWithoutCapacity=0) == 0
    assert world.variants.changes == [1, 2, 0]
    assert [each["StatusCode"] for each in world.activities] == ["Successful"] * 3


async def test_scaling_actions_are_called_every_minute_of_an_alarm(world: World) -> None:
    world.account.register(0, 9)
    grow = world.account.step("grow", Cooldown=120)
    world.account.alarm(alarm_actions=[grow.policy_arn])
    counts = [await world.minute(Backlog=1) for _ in range(6)]
    assert counts == [2, 2, 3, 3, 4, 4]


async def test_actions_that_are_disabled_are_not_carried_out(world: World) -> None:
    world.account.register(0, 9)
    world.account.alarm(alarm_actions=[world.account.step().policy_arn])
    world.account.cloudwatch.disable_alarm_actions(["alarm"])
    assert await world.minute(2, Backlog=1) == 1
    assert world.state() == "ALARM"
    world.account.cloudwatch.enable_alarm_actions(["alarm"])
    assert await world.minute(Backlog=1) == 2


async def test_a_policy_may_hang_on_any_state(world: World) -> None:
    world.account.register(0, 9)
    arn = world.account.step(
        StepAdjustments=[{"MetricIntervalUpperBound": 0.0, "ScalingAdjustment": 2}]
    ).policy_arn
    world.account.alarm(threshold=5.0, ok_actions=[arn])
    assert await world.minute(Backlog=9) == 1
    assert await world.minute(Backlog=1) == 3
    assert "in state OK triggered policy" in world.causes[0]


async def test_an_alarm_starts_without_data_and_tells_its_history(world: World) -> None:
    alarm = world.account.alarm()
    assert (alarm.state_value, alarm.state_reason) == (
        "INSUFFICIENT_DATA",
        "Unchecked: Initial alarm creation",
    )
    await world.minute(Backlog=1)
    world.account.alarm(threshold=3.0)  # put again: the state stays
    assert world.state() == "ALARM"
    await world.minute(Backlog=2)
    history = world.account.cloudwatch.alarms["alarm"].history
    assert [(item["HistoryItemType"], item["HistorySummary"]) for item in history] == [
        ("ConfigurationUpdate", 'Alarm "alarm" created'),
        ("StateUpdate", "Alarm updated from INSUFFICIENT_DATA to ALARM"),
        ("ConfigurationUpdate", 'Alarm "alarm" updated'),
        ("StateUpdate", "Alarm updated from ALARM to OK"),
    ]
    changed = json.loads(history[-1]["HistoryData"])
    assert changed["newState"]["stateReasonData"]["recentDatapoints"] == [2.0]


async def test_an_alarm_looks_at_the_percentile_it_names(world: World) -> None:
    world.account.alarm(statistic=None, extended_statistic="p90", threshold=8.0)
    for value in range(1, 11):
        world.account.put(world.clock, "Backlog", float(value))
    await world.minute()
    assert world.state() == "ALARM"
    reason = json.loads(world.account.cloudwatch.alarms["alarm"].state_reason_data)
    assert (reason["statistic"], reason["recentDatapoints"]) == ("p90", [9.0])


async def test_an_alarm_of_several_minutes_is_evaluated_every_minute(world: World) -> None:
    world.account.alarm(period=300, statistic="Sum", threshold=2.5)
    states = []
    for _ in range(4):
        await world.minute(Backlog=1)
        states.append(world.state())
    assert states == ["OK", "OK", "ALARM", "ALARM"]


async def test_alarms_on_expressions(world: World) -> None:
    from moto.cloudwatch.models import Dimension, Metric, MetricDataQuery, MetricStat

    make: Any = MetricDataQuery

    def query(name: str, metric: str) -> Any:
        stat: Any = MetricStat
        found = Metric(metric, "Mine", [Dimension("EndpointName", "e")])
        return make(name, None, None, False, None, stat(found, 60, "Sum", None))

    queries = [
        query("failed", "Failed"),
        query("all", "All"),
        make("rate", "", None, True, "100 * failed / all"),
    ]
    world.account.alarm(
        metric_data_queries=queries, metric_name=None, statistic=None, period=None, threshold=5.0
    )
    await world.minute(Failed=1, All=10)
    assert world.state() == "ALARM"
    await world.minute(Failed=0, All=10)
    assert world.state() == "OK"


async def test_an_alarm_that_is_not_evaluated_says_so_once_and_concerns_no_other(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.account.alarm("anomaly", comparison_operator="GreaterThanUpperThreshold", threshold=None)
    world.account.alarm("trimmed", statistic=None, extended_statistic="p101")
    world.account.alarm("broken", evaluation_periods="nonsense")
    world.account.alarm("rule", rule="ALARM(")
    world.account.alarm()
    with caplog.at_level(logging.WARNING):
        await world.minute(3, Backlog=1)
    assert world.state() == "ALARM"
    for name in ("anomaly", "trimmed", "broken", "rule"):
        assert world.state(name) == "INSUFFICIENT_DATA"
        assert sum(f"alarm {name} " in record.getMessage() for record in caplog.records) == 1


async def test_a_composite_alarm_follows_the_alarms_it_names(world: World) -> None:
    world.account.alarm("high")
    world.account.alarm("other", metric_name="Other")
    world.account.alarm("both", rule='ALARM("high") AND ALARM("other")')
    await world.minute(Backlog=1)
    assert world.state("both") == "OK"
    await world.minute(Backlog=1, Other=1)
    assert world.state("both") == "ALARM"


async def test_a_change_of_state_is_published_in_cloudwatchs_format(world: World) -> None:
    topic, received = _topic(world)
    world.account.alarm(alarm_actions=[topic], ok_actions=[topic], treat_missing_data="notBreaching")
    await world.minute(2, Backlog=1)
    await world.minute(Backlog=0)
    world.engine._publisher.stop()
    subjects, messages = zip(
        *[(item["Subject"], json.loads(item["Message"])) for item in received()], strict=True
    )
    assert subjects == ('ALARM: "alarm" in Asia Pacific (Seoul)', 'OK: "alarm" in Asia Pacific (Seoul)')
    first = messages[0]
    assert first["AlarmName"] == "alarm"
    assert first["AWSAccountId"] == world.account.id
    assert (first["OldStateValue"], first["NewStateValue"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert first["NewStateReason"].startswith("Threshold Crossed: 1 datapoint [1.0 (")
    assert first["Region"] == "Asia Pacific (Seoul)"
    assert first["Trigger"] == {
        "MetricName": "Backlog",
        "Namespace": "Mine",
        "StatisticType": "Statistic",
        "Statistic": "AVERAGE",
        "Unit": None,
        "Dimensions": [{"value": "e", "name": "EndpointName"}],
        "Period": 60,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0.0,
        "TreatMissingData": "notBreaching",
        "EvaluateLowSampleCountPercentile": "",
    }


async def test_a_topic_that_is_gone_is_told_in_the_history(world: World) -> None:
    world.account.alarm(alarm_actions=[f"arn:aws:sns:{REGION}:{world.account.id}:nobody"])
    await world.minute(Backlog=1)
    world.engine._publisher.stop()
    last = world.account.cloudwatch.alarms["alarm"].history[-1]
    assert last["HistorySummary"].startswith("Failed to execute action arn:aws:sns:")


async def test_setting_a_state_by_hand_carries_out_its_actions(world: World) -> None:
    world.account.register(0, 9)
    world.account.alarm(alarm_actions=[world.account.step("grow", 2).policy_arn])
    world.account.cloudwatch.set_alarm_state("alarm", "by hand", None, "ALARM")
    await world.soon()
    assert world.count == 3
    await world.minute(Backlog=0)
    assert world.state() == "OK"


async def test_reason_data_given_by_hand_choose_the_step(world: World) -> None:
    world.account.register(0, 99)
    steps = [
        {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 10.0, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 10.0, "ScalingAdjustment": 10},
    ]
    world.account.alarm(alarm_actions=[world.account.step(StepAdjustments=steps).policy_arn])
    data = json.dumps({"recentDatapoints": [15.0]})
    world.account.cloudwatch.set_alarm_state("alarm", "by hand", data, "ALARM")
    await world.soon()
    assert world.count == 11


async def test_a_target_that_is_registered_brings_the_count_within_its_limits(world: World) -> None:
    world.account.register(3, 9)
    await world.soon()
    assert world.count == 3
    assert world.causes == ["minimum capacity was set to 3"]
    world.account.register(0, 2)
    await world.soon()
    assert world.count == 2
    assert world.causes[0] == "maximum capacity was set to 2"


async def test_all_tracking_policies_must_agree_to_scale_in(world: World) -> None:
    world.variants.counts[RESOURCE] = 4
    world.account.register(0, 9)
    world.account.track(5.0, "one", "Backlog")
    world.account.track(5.0, "two", "Other")
    assert await world.minute(16, Backlog=0, Other=4.9) == 4
    assert await world.minute(16, Backlog=0, Other=0) == 0


async def test_suspended_scaling_rests(world: World) -> None:
    world.account.register(0, 9, DynamicScalingOutSuspended=True)
    world.account.track()
    assert await world.minute(4, Backlog=50) == 1
    world.account.register(0, 9, DynamicScalingOutSuspended=False)
    assert await world.minute(Backlog=50) == 9


async def test_a_variant_without_traffic_scales_in(world: World) -> None:
    world.variants.asynchronous = False
    world.variants.counts[RESOURCE] = 3
    world.account.register(1, 9)
    predefined = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    world.account.policy(
        "calls", "TargetTrackingScaling", TargetValue=10.0, PredefinedMetricSpecification=predefined
    )
    assert await world.minute(14) == 3
    assert await world.minute() == 1


async def test_a_policy_put_again_keeps_its_arn_and_its_alarms(world: World) -> None:
    world.account.register(0, 9)
    first = world.account.track(5.0)
    names = [alarm.name for alarm in first.alarms]
    assert [name.rpartition("-Alarm")[0] for name in names] == [f"TargetTracking-{RESOURCE}"] * 2
    second = world.account.track(8.0, DisableScaleIn=True)
    assert second.policy_arn == first.policy_arn
    assert [alarm.name for alarm in second.alarms] == names[:1]
    assert list(world.account.cloudwatch.alarms) == names[:1]
    assert world.account.cloudwatch.alarms[names[0]].threshold == 8.0
    assert await world.minute(3, Backlog=9) == 2


async def test_a_step_policy_put_again_leaves_the_alarms_that_call_it_alone(world: World) -> None:
    world.account.register(0, 9)
    first = world.account.step(adjustment=1)
    alarm = world.account.alarm(alarm_actions=[first.policy_arn])
    first.alarms = [alarm]  # as DescribeScalingPolicies shows them
    assert world.account.step(adjustment=3).policy_arn == first.policy_arn
    assert await world.minute(Backlog=1) == 4


async def test_alarms_go_with_their_policy_and_policies_with_their_target(world: World) -> None:
    world.account.register(0, 9)
    world.account.track(name="one")
    world.account.track(name="two", metric="Other")
    world.account.alarm("mine", alarm_actions=[world.account.step().policy_arn])
    assert len(world.account.cloudwatch.alarms) == 5
    world.account.autoscaling.delete_scaling_policy("one", "sagemaker", RESOURCE, DIMENSION)
    assert len(world.account.cloudwatch.alarms) == 3
    world.account.autoscaling.deregister_scalable_target("sagemaker", RESOURCE, DIMENSION)
    assert world.account.autoscaling.policies == {}
    assert list(world.account.cloudwatch.alarms) == ["mine"]
    assert await world.minute(Backlog=1) == 1  # its policy is gone: nothing happens


async def test_an_endpoint_takes_its_targets_with_it(world: World) -> None:
    world.account.register(0, 9)
    world.account.track()
    deregister_endpoint("other")
    assert world.account.autoscaling.targets[DIMENSION]
    deregister_endpoint("E")
    assert not world.account.autoscaling.targets[DIMENSION]
    assert not world.account.cloudwatch.alarms


async def test_bad_targets_and_policies_are_refused(world: World) -> None:
    from moto.core.exceptions import JsonRESTError

    for low, high, complaint in ((3, 2, "less than minimum"), (-1, 2, "less than 0")):
        with pytest.raises(JsonRESTError, match=complaint):
            world.account.register(low, high)
    with pytest.raises(JsonRESTError, match="No scalable target registered"):
        world.account.track()
    world.account.register(0, 9)
    with pytest.raises(JsonRESTError, match="Exactly one"):
        world.account.policy("p", "TargetTrackingScaling", TargetValue=1.0)
    with pytest.raises(JsonRESTError, match="At least one StepAdjustment"):
        world.account.policy("p", "StepScaling", AdjustmentType="ExactCapacity")
    with pytest.raises(JsonRESTError, match="No scaling policy found"):
        world.account.autoscaling.delete_scaling_policy("p", "sagemaker", RESOURCE, DIMENSION)
    with pytest.raises(JsonRESTError, match="No scalable target found"):
        world.account.autoscaling.deregister_scalable_target("sagemaker", "endpoint/x/variant/y", DIMENSION)
    assert world.account.autoscaling.policies == {}


async def test_an_engine_that_has_stopped_hears_and_does_nothing(world: World) -> None:
    world.account.register(0, 9)
    world.account.alarm(alarm_actions=[world.account.step().policy_arn])
    await world.engine.stop()
    world.account.cloudwatch.set_alarm_state("alarm", "by hand", None, "ALARM")
    await world.soon()
    assert world.count == 1
    await world.engine.stop()


def _topic(world: World) -> tuple[str, Any]:
    """A topic with a queue subscribed; what the queue has received, as SNS envelopes."""
    from moto.sns.models import sns_backends
    from moto.sqs.models import sqs_backends

    sns: Any = sns_backends[world.account.id][REGION]
    sqs: Any = sqs_backends[world.account.id][REGION]
    topic = sns.create_topic("topic").arn
    queue = sqs.create_queue("queue")
    sns.subscribe(topic, queue.queue_arn, "sqs")
    return topic, lambda: [json.loads(message.body) for message in queue.messages]
