"""Starting, finding and stopping a local cloud: real processes, real signals, real files."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_cloud import lifecycle
from local_cloud.__main__ import main
from local_cloud.lifecycle import LocalCloudError
from local_cloud.settings import InvalidSettings, default_port, default_time_scale, state_dir
from local_cloud.state import CloudInfo, CloudLock, holder, read_info, write_info


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "cloud"
    yield directory
    lifecycle.down(directory)


def test_a_cloud_is_started_found_and_stopped(directory: Path) -> None:
    assert lifecycle.status(directory) is None
    info = lifecycle.up(directory, port=0)
    assert read_info(directory) == info
    assert stat.S_IMODE((directory / "cloud.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    found = lifecycle.status(directory)
    assert found is not None
    assert (found["pid"], found["url"], found["endpoints"]) == (info.pid, info.url, [])
    assert lifecycle.up(directory, port=0) == info, "a second `up` finds the first"
    assert any(info.url in line for line in lifecycle.logs(directory))
    assert lifecycle.logs(directory, endpoint="none-yet") == []
    with pytest.raises(LocalCloudError, match="lines"):
        lifecycle.logs(directory, endpoint="e", lines=0)
    assert lifecycle.down(directory)
    assert eventually(lambda: not runs(info.pid), 2)
    assert not directory.exists()
    assert not lifecycle.down(directory), "nothing is left to stop"


def test_the_callers_aws_settings_and_proxies_stay_outside(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of-somebody")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    lifecycle.up(directory, port=0)
    assert lifecycle.logs(directory, endpoint="none-yet") == [], "read from CloudWatch Logs with boto3"


def test_the_time_scale_comes_from_the_caller_or_else_from_the_environment(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scale(**given: float) -> float:
        lifecycle.up(directory, port=0, **given)  # type: ignore[arg-type]
        status = lifecycle.status(directory)
        assert status is not None
        lifecycle.down(directory)
        return float(status["time_scale"])

    monkeypatch.setenv("SERVING_LOCAL_TIME_SCALE", "30")
    assert scale() == 30
    assert scale(time_scale=60) == 60


def test_sigterm_ends_a_cloud_cleanly(directory: Path) -> None:
    info = lifecycle.up(directory, port=0)
    os.kill(info.pid, signal.SIGTERM)
    assert eventually(lambda: holder(directory) is None)
    assert not (directory / "cloud.json").exists()
    assert "has stopped" in lifecycle.tail(directory / "cloud.log")


def test_a_cloud_that_was_killed_is_not_mistaken_for_a_running_one(directory: Path) -> None:
    killed = lifecycle.up(directory, port=0)
    os.kill(killed.pid, signal.SIGKILL)
    assert eventually(lambda: holder(directory) is None)
    assert read_info(directory) == killed, "it had no time to tidy up"
    assert lifecycle.status(directory) is None
    started = lifecycle.up(directory, port=0)
    assert started.pid != killed.pid


def test_a_process_that_took_over_the_id_of_a_dead_cloud_is_left_alone(directory: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        directory.mkdir()
        write_info(
            directory,
            CloudInfo("http://127.0.0.1:1", bystander.pid, 1, "2026-01-01T00:00:00+00:00", "1", "r"),
        )
        (directory / "cloud.lock").write_text(str(bystander.pid), encoding="ascii")
        assert not lifecycle.down(directory)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_cloud_that_hangs_is_stopped_all_the_same(directory: Path) -> None:
    info = lifecycle.up(directory, port=0)
    os.kill(info.pid, signal.SIGSTOP)
    assert lifecycle.down(directory, timeout=0.2)
    assert eventually(lambda: not runs(info.pid), 2)


def test_a_port_that_another_program_holds_is_named(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(LocalCloudError, match=f"port {port} .*another program.*SERVING_LOCAL_PORT"):
            lifecycle.up(directory, port)


def test_a_port_that_another_cloud_holds_is_named_with_its_process(directory: Path, tmp_path: Path) -> None:
    info = lifecycle.up(directory, port=0)
    with pytest.raises(LocalCloudError, match=rf"another local cloud \(process {info.pid}\)"):
        lifecycle.up(tmp_path / "second", info.port)


def test_a_cloud_that_ends_at_once_shows_its_last_words(directory: Path) -> None:
    with pytest.raises(LocalCloudError, match=r"(?s)exit status 2.*region 'nowhere' is not an AWS region"):
        lifecycle.up(directory, port=0, region="nowhere")


def test_a_cloud_that_does_not_answer_in_time_is_stopped(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "_answers", lambda info: False)
    with pytest.raises(LocalCloudError, match="did not answer within 0 s"):
        lifecycle.up(directory, port=0, timeout=0.01)
    assert holder(directory) is None


def test_a_second_process_on_the_same_folder_refuses_to_run(directory: Path) -> None:
    lifecycle.up(directory, port=0)
    second = subprocess.run(
        [sys.executable, "-m", "local_cloud", "--port", "0", "--dir", str(directory)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == 1
    assert "already runs" in second.stderr


def test_a_lock_that_is_only_looked_at_can_still_be_taken(tmp_path: Path) -> None:
    lock = CloudLock(tmp_path)
    assert holder(tmp_path) is None
    assert lock.acquire()
    assert holder(tmp_path) == os.getpid()
    assert not CloudLock(tmp_path).acquire()
    lock.release()
    assert holder(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"url": "x"}), "\x00"])
def test_a_state_file_that_cannot_be_read_is_no_cloud(tmp_path: Path, text: str) -> None:
    (tmp_path / "cloud.json").write_text(text, encoding="utf-8")
    assert read_info(tmp_path) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "65536"], "port 65536"),
        (["--time-scale", "0"], "time scale"),
        (["--time-scale", "inf"], "time scale"),
        (["--region", "seoul"], "region 'seoul'"),
    ],
)
def test_a_senseless_setting_is_named(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


def test_the_environment_sets_port_folder_and_time_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVING_LOCAL_PORT", "4999")
    monkeypatch.setenv("SERVING_LOCAL_DIR", "/somewhere")
    assert default_port() == 4999
    assert state_dir() == Path("/somewhere")
    assert default_time_scale() == 1.0
    monkeypatch.setenv("SERVING_LOCAL_TIME_SCALE", "60")
    assert default_time_scale() == 60.0
    for nonsense in ("fast", "0", "-1", "inf", "nan"):
        monkeypatch.setenv("SERVING_LOCAL_TIME_SCALE", nonsense)
        with pytest.raises(InvalidSettings, match=f"SERVING_LOCAL_TIME_SCALE='{nonsense}'"):
            default_time_scale()
    monkeypatch.setenv("SERVING_LOCAL_PORT", "forty")
    with pytest.raises(InvalidSettings, match="SERVING_LOCAL_PORT='forty'"):
        default_port()
