"""What a person sees: steps, their durations, their failures."""

from __future__ import annotations

import io
import re

import pytest

from delivery import console
from delivery.console import Reporter, Step
from delivery.local import describe


def test_a_step_ends_with_its_outcome_and_duration(reporter: Reporter, printed: io.StringIO) -> None:
    with reporter.step("package", "three models") as step:
        step.note("one\ntwo")
        step.outcome = "all there"
    lines = printed.getvalue().splitlines()
    assert lines[0] == "▸ package      three models"
    assert lines[1:3] == ["  package      one", "               two"]
    assert re.fullmatch(r"✓ package      all there  \(\d+\.\d s\)", lines[3])


def test_a_step_that_fails_says_so_and_lets_the_error_through(
    reporter: Reporter, printed: io.StringIO
) -> None:
    with pytest.raises(ValueError, match="odd"), reporter.step("apply"):
        raise ValueError("odd")
    assert printed.getvalue().startswith("✗ apply        failed after")


def test_a_silent_step_gives_a_sign_of_life_that_names_what_it_does(
    reporter: Reporter, printed: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Step(reporter, "apply")
    step.working_on("creating an endpoint")
    step.sign_of_life()
    assert printed.getvalue() == ""
    monkeypatch.setattr(console, "SIGN_OF_LIFE_SECONDS", 0.0)
    step.sign_of_life()
    assert "… 0 s so far: creating an endpoint" in printed.getvalue()


def test_square_brackets_are_text_and_no_markup(reporter: Reporter, printed: io.StringIO) -> None:
    reporter.line(" ", "x", 'module.a["[red]"]')
    assert 'module.a["[red]"]' in printed.getvalue()


def test_a_status_is_told_as_a_tree() -> None:
    container = {
        "name": "sentiment",
        "status": "Restarting",
        "pid": 7,
        "restarts": 2,
        "last_exit": "signal 9",
    }
    instance = {"instance_id": "i-1", "status": "Healthy", "containers": [container]}
    variant = {
        "name": "blue",
        "current_weight": 1.0,
        "current_instance_count": 1,
        "desired_instance_count": 1,
        "instances": [instance],
    }
    queue = {"queued": 2, "in_process": 1, "done": 5, "failed": 1}
    status = {
        "url": "http://127.0.0.1:1",
        "uptime_seconds": 3.2,
        "pid": 1,
        "time_scale": 60.0,
        "endpoints": [
            {"name": "e", "status": "InService", "variants": [variant], "async_queue": queue},
            {"name": "f", "status": "InService", "variants": []},
        ],
        "functions": [
            {
                "name": "detect",
                "state": "Active",
                "aliases": [{"name": "live", "version": "2", "weights": {"3": 0.1}}],
                "urls": {"live": "http://127.0.0.1:1/lambda-url/u/"},
                "event_queue": {"queued": 0, "in_process": 1, "done": 2, "failed": 0},
                "environments": [
                    {
                        "environment": "0123456789abcdef",
                        "version": "2",
                        "status": "Idle",
                        "pid": 8,
                        "invocations": 4,
                    }
                ],
            }
        ],
    }
    assert list(describe(status)) == [
        "http://127.0.0.1:1  up for 3 s, process 1; a minute of waiting takes 1 s",
        "e  InService",
        "  queue  2 waiting, 1 in process, 5 done, 1 failed",
        "  blue  weight 1, 1 of 1 instances",
        "    i-1  Healthy",
        "      sentiment  Restarting, process 7, restarted 2 times, last exit: signal 9",
        "f  InService",
        "detect  Active",
        "  live  version 2, 10% to 3",
        "  http://127.0.0.1:1/lambda-url/u/",
        "  queue  0 waiting, 1 in process, 2 done",
        "  01234567  version 2, Idle, process 8, 4 invocations",
    ]
    assert "not running" in next(iter(describe(None)))
