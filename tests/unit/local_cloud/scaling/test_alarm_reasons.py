from __future__ import annotations

import json

from scaling_fakes import FakeClock
from test_alarm_evaluation import outcome_of

from local_cloud.scaling.evaluation import Condition, Missing, State
from local_cloud.scaling.reasons import reason, reason_data, recent_datapoints


def told(
    data: str, before: State, *, of: int = 3, needed: int = 3, missing: Missing = Missing.MISSING
) -> str:
    condition = Condition("GreaterThanThreshold", 1.0, of, needed, missing)
    return reason(condition, outcome_of(data, before, of=of, needed=needed, missing=missing), before)


def test_reasons_are_cloudwatchs_own_sentences() -> None:
    assert told("- - X", State.INSUFFICIENT_DATA, of=1, needed=1) == (
        "Threshold Crossed: 1 datapoint [2.0 (01/01/70 00:00:02)] was greater than the threshold (1.0)."
    )
    assert told("0 0 X 0 X", State.OK, needed=2) == (
        "Threshold Crossed: 2 out of the last 3 datapoints [2.0 (01/01/70 00:00:04), 2.0 (01/01/70 00:00:02)]"
        " were greater than the threshold (1.0) (minimum 2 datapoints for OK -> ALARM transition)."
    )
    assert told("X 0 0 X 0", State.ALARM, needed=2) == (
        "Threshold Crossed: 2 out of the last 3 datapoints [0.0 (01/01/70 00:00:04), 0.0 (01/01/70 00:00:02)]"
        " were not greater than the threshold (1.0) (minimum 2 datapoints for ALARM -> OK transition)."
    )


def test_reasons_say_what_became_of_missing_data() -> None:
    assert told("- - - - -", State.OK) == "Insufficient Data: 3 datapoints were unknown."
    assert told("- - -", State.OK, of=1, needed=1) == "Insufficient Data: 1 datapoint was unknown."
    assert told("- - - -", State.OK, of=2, needed=2, missing=Missing.BREACHING) == (
        "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated "
        "as [Breaching]."
    )
    assert told("- - -", State.INSUFFICIENT_DATA, of=1, needed=1, missing=Missing.NOT_BREACHING) == (
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
        "[NonBreaching]."
    )
    assert told("- - - 0", State.ALARM, of=2, needed=2, missing=Missing.BREACHING) == (
        "Threshold Crossed: 1 datapoint [0.0 (01/01/70 00:00:03)] was not greater than the threshold (1.0) "
        "and 1 missing datapoint was treated as [Breaching]."
    )
    assert told("- - - - 0", State.OK, needed=2, missing=Missing.BREACHING) == (
        "Threshold Crossed: 1 datapoint was received for 3 periods and 2 missing datapoints were treated as "
        "[Breaching]."
    )


def test_the_reasons_data_name_every_evaluated_datapoint(clock: FakeClock) -> None:
    condition = Condition("GreaterThanThreshold", 1.0, 3, 3, statistic="Sum")
    data = reason_data(condition, outcome_of("0 X X - X"), clock.now(), 60, None)
    assert json.loads(data) == {
        "version": "1.0",
        "queryDate": "2027-01-15T08:00:00.000+0000",
        "startDate": "1970-01-01T00:00:01.000+0000",
        "statistic": "Sum",
        "period": 60,
        "recentDatapoints": [2.0, 2.0, 2.0],
        "threshold": 1.0,
        "evaluatedDatapoints": [
            {"timestamp": f"1970-01-01T00:00:0{second}.000+0000", "sampleCount": 1.0, "value": 2.0}
            for second in (4, 2, 1)
        ],
    }
    assert recent_datapoints(data) == [2.0, 2.0, 2.0]


def test_reason_data_that_is_not_cloudwatchs_holds_no_datapoints() -> None:
    for data in (None, "", "by hand", "[]", '{"recentDatapoints": null}', '{"recentDatapoints": ["1"]}'):
        assert recent_datapoints(data) == []
