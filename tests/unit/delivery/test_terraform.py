"""python-terraform's faults, mended: tried on a fake terraform that writes down how it was called."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from delivery.console import Reporter
from delivery.errors import DeliveryError
from delivery.terraform import APPLY_TIMEOUT_S, STATE_FOLDER, Terraform, remove_state
from delivery.terraform_binary import TerraformBinary
from delivery.terraform_events import Progress
from delivery.terraform_mirror import ProviderSource
from delivery.terraform_process import STOP_GRACE_S

RECORD = """
import json, os, sys
calls = os.environ["CALLS"]
with open(calls, "a") as file:
    file.write(json.dumps({"argv": sys.argv[1:], "cwd": os.getcwd(), "data": os.environ.get("TF_DATA_DIR"),
                           "configuration": os.environ.get("TF_CLI_CONFIG_FILE")}) + "\\n")
def event(kind, message="", **fields):
    print(json.dumps({"@level": "info", "@message": message, "type": kind, **fields}), flush=True)
command = sys.argv[1]
"""
Make = Callable[..., Terraform]
Executable = Callable[[str, str], Path]
REGISTRY = ProviderSource(None, "the registry")


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "calls.jsonl"
    path.touch()
    monkeypatch.setenv("CALLS", str(path))
    return path


@pytest.fixture
def make(tmp_path: Path, calls: Path, executable: Executable) -> Make:
    """A function that makes a Terraform whose binary runs the given Python after recording its call."""

    def make(source: str = "", **options: Any) -> Terraform:
        root = tmp_path / "terraform" / "envs" / "some"
        root.mkdir(parents=True, exist_ok=True)
        (root / "main.tf").write_text("# nothing")
        path = executable("terraform", RECORD + source)
        return Terraform(
            root, binary=TerraformBinary((str(path),), "a fake"), data_dir=tmp_path / "data", **options
        )

    return make


def called(calls: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in calls.read_text().splitlines()]


def test_a_plan_tells_changes_from_none_by_its_exit_status(
    make: Make, calls: Path, reporter: Reporter, tmp_path: Path
) -> None:
    source = (
        "event('change_summary', 'Plan: 1 to add', changes={'add': 1})\nsys.exit(int(os.environ['STATUS']))"
    )
    terraform = make(source, environment={"STATUS": "2"})
    with reporter.step("plan") as step:
        result = terraform.plan(step, tmp_path / "p")
    assert (result.has_changes, result.summary) == (True, "Plan: 1 to add")
    terraform = make(source, environment={"STATUS": "0"})
    with reporter.step("plan") as step:
        assert not terraform.plan(step, tmp_path / "p").has_changes
    call = called(calls)[0]
    assert call["cwd"] == str(terraform.root)
    assert call["data"] == str(tmp_path / "data")
    assert "-detailed-exitcode" in call["argv"]
    assert f"-out={tmp_path / 'p'}" in call["argv"]


def test_an_apply_passes_the_plan_and_no_variables(
    make: Make, calls: Path, reporter: Reporter, tmp_path: Path
) -> None:
    (tmp_path / "x.tfvars").touch()
    terraform = make(var_files=[tmp_path / "x.tfvars"])
    with reporter.step("apply") as step:
        terraform.apply(step, tmp_path / "p")
    argv = called(calls)[0]["argv"]
    assert argv == ["apply", "-json", "-input=false", str(tmp_path / "p")]


def test_destroying_plans_first_and_forces_nothing(
    make: Make, calls: Path, reporter: Reporter, tmp_path: Path
) -> None:
    terraform = make("sys.exit(2 if command == 'plan' else 0)")
    with reporter.step("destroy") as step:
        terraform.destroy(step, tmp_path / "p")
    first, second = (call["argv"] for call in called(calls))
    assert "-destroy" in first
    assert second[-1] == str(tmp_path / "p")
    assert "-force" not in [*first, *second]


def test_variable_files_go_to_plans_and_those_that_are_not_there_yet_are_left_out(
    make: Make, calls: Path, reporter: Reporter, tmp_path: Path
) -> None:
    release = tmp_path / "release.tfvars.json"
    terraform = make(var_files=[release])
    with reporter.step("plan") as step:
        terraform.plan(step, tmp_path / "p")
        release.touch()
        terraform.plan(step, tmp_path / "p")
        terraform.plan(step, tmp_path / "p", destroy=True)
    wanted = f"-var-file={release}"
    assert [wanted in call["argv"] for call in called(calls)] == [False, True, True]


def test_an_apply_outlasts_the_hour_that_the_provider_waits_for_an_endpoint() -> None:
    assert APPLY_TIMEOUT_S > 3600 + STOP_GRACE_S


def test_init_runs_once_for_a_configuration(
    make: Make, calls: Path, reporter: Reporter, tmp_path: Path
) -> None:
    terraform = make(backend_config={"path": "state.tfstate"})
    with reporter.step("init") as step:
        assert terraform.init(step, mirror=ProviderSource(tmp_path / "mirror", "a mirror"))
        assert not terraform.init(step, mirror=ProviderSource(tmp_path / "mirror", "a mirror"))
        (terraform.root / "main.tf").write_text("# something else")
        assert terraform.init(step, mirror=REGISTRY)
    first, second = (call["argv"] for call in called(calls))
    assert f"-plugin-dir={tmp_path / 'mirror'}" in first
    assert "-backend-config=path=state.tfstate" in first
    assert not any(word.startswith("-plugin-dir") for word in second)


def test_a_failure_carries_terraforms_own_words(make: Make, reporter: Reporter, tmp_path: Path) -> None:
    terraform = make(
        "event('diagnostic', 'Error', diagnostic={'severity': 'error', 'summary': 'Invalid value',"
        " 'detail': 'must be 1', 'address': 'aws_thing.this',"
        " 'range': {'filename': 'main.tf', 'start': {'line': 7}}})\n"
        "sys.exit(1)"
    )
    with (
        pytest.raises(DeliveryError, match="terraform plan failed in some") as caught,
        reporter.step("plan") as step,
    ):
        terraform.plan(step, tmp_path / "p")
    assert caught.value.cause == "Invalid value (aws_thing.this, main.tf line 7)\nmust be 1"


def test_without_events_the_plain_output_is_the_cause(make: Make, reporter: Reporter, tmp_path: Path) -> None:
    terraform = make("print('no such command', file=sys.stderr); sys.exit(127)")
    with pytest.raises(DeliveryError) as caught, reporter.step("plan") as step:
        terraform.plan(step, tmp_path / "p")
    assert caught.value.cause == "no such command"


def test_a_hanging_command_is_stopped_at_its_deadline(make: Make, reporter: Reporter) -> None:
    terraform = make(
        "import time; event('apply_start', hook={'resource': {'addr': 'a.b'}, 'action': 'create'})\n"
        "time.sleep(600)"
    )
    started = time.monotonic()
    with (
        pytest.raises(DeliveryError, match="did not end within 1 s") as caught,
        reporter.step("apply") as step,
    ):
        terraform.run("apply", step=step, timeout_s=1.0)
    assert time.monotonic() - started < 30
    assert caught.value.cause == "creating a.b"


def test_an_interrupt_reaches_terraform_once(
    make: Make, reporter: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = tmp_path / "heard"
    terraform = make(
        "import signal, time\n"
        "def stop(*_):\n"
        f"    open({str(heard)!r}, 'a').write('interrupt ')\n"
        "    sys.exit(1)\n"
        "signal.signal(signal.SIGINT, stop)\n"
        "event('apply_start', hook={'resource': {'addr': 'a.b'}, 'action': 'create'})\n"
        "time.sleep(600)"
    )

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(terraform, "_report", interrupt)
    with pytest.raises(KeyboardInterrupt), reporter.step("apply") as step:
        terraform.run("apply", step=step, timeout_s=60.0)
    assert heard.read_text() == "interrupt "


def test_events_come_as_notes_when_asked_for_and_warnings_always(
    make: Make, reporter: Reporter, printed: io.StringIO, tmp_path: Path
) -> None:
    source = (
        "event('apply_complete', 'a.b: created', hook={'resource': {'addr': 'a.b'}})\n"
        "event('diagnostic', 'W', diagnostic={'severity': 'warning', 'summary': 'Old argument'})"
    )
    with reporter.step("apply") as step:
        make(source).apply(step, tmp_path / "p")
    assert "created" not in printed.getvalue()
    assert "warning: Old argument" in printed.getvalue()
    with reporter.step("apply") as step:
        make(source, verbose=True).apply(step, tmp_path / "p")
    assert "a.b: created" in printed.getvalue()


def test_a_missing_configuration_file_is_not_passed_on(
    make: Make, calls: Path, reporter: Reporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "missing"))
    with reporter.step("apply") as step:
        make().apply(step, tmp_path / "p")
    assert called(calls)[0]["configuration"] is None


def test_variables_that_must_go_are_removed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    environment = make(environment={"AWS_PROFILE": None, "AWS_REGION": "x"}).environment()
    assert "AWS_PROFILE" not in environment
    assert environment["AWS_REGION"] == "x"
    assert os.environ["AWS_PROFILE"] == "production"


def test_a_misspelt_method_is_an_error_and_no_command(make: Make, calls: Path) -> None:
    with pytest.raises(AttributeError, match="aply"):
        make().aply()
    assert called(calls) == []


def test_removing_state_leaves_providers(tmp_path: Path) -> None:
    for name in ("local", "foundation-local"):
        (tmp_path / name / STATE_FOLDER).mkdir(parents=True)
        (tmp_path / name / STATE_FOLDER / "terraform.tfstate").write_text("{}")
        (tmp_path / name / "providers").mkdir()
    assert remove_state(tmp_path, ("local", "foundation-local", "unknown")) == 2
    assert sorted(path.name for path in (tmp_path / "local").iterdir()) == ["providers"]


def test_what_is_replaced_counts_as_the_two_things_that_happen_to_it() -> None:
    progress = Progress()

    def told(kind: str, **parts: Any) -> None:
        progress.read_line(json.dumps({"@message": "…", "type": kind, **parts}))

    for action in ("replace", "create"):
        told("planned_change", change={"action": action})
    for action in ("delete", "create", "create"):
        assert progress.doing() == f"{progress.done} of 3 done"
        told("apply_complete", hook={"action": action, "resource": {"addr": "a.b"}})
    assert progress.doing() == "3 of 3 done"
