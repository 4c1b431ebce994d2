from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from toys import is_running, wait_until

from local_cloud.hosting.process_runner import ProcessRunner, container_command, container_environment
from local_cloud.hosting.reaper import Reaper
from local_cloud.hosting.runner import Exit, Launch, LaunchFailed
from local_cloud.image_store import ProcessImage


class Lines(list[str]):
    def write(self, line: str) -> None:
        self.append(line)


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    bundle = tmp_path / "bundle"
    (bundle / "app").mkdir(parents=True)
    image = ProcessImage(
        manifest="{}",
        digest="sha256:0",
        config_digest="sha256:1",
        labels={},
        entrypoint=("python", "-c"),
        cmd=("print('started')",),
        env={"PYTHONPATH": "app", "COLOUR": "red"},
        app_dir=bundle / "app",
        python=Path(sys.executable),
    )
    return Launch(
        image=image,
        environment={},
        model_dir=tmp_path,
        port=20_000,
        safe_ports=(20_001, 20_009),
        threads=2,
        working_dir=tmp_path / "work",
    )


def running(launch: Launch, script: str) -> Launch:
    return replace(launch, image=replace(launch.image, cmd=(script,)))


async def test_output_and_exit_code_are_had_in_order(launch: Launch) -> None:
    runner, lines = ProcessRunner({}), Lines()
    script = (
        "import sys; print('one'); print('two', file=sys.stderr); print('no line end', end=''); sys.exit(7)"
    )
    container = await runner.start(running(launch, script), lines)
    assert await container.wait() == Exit(7)
    assert lines == ["one", "two", "no line end"]
    container.terminate()  # harmless once it has ended
    container.kill()
    await runner.close()


async def test_endless_lines_and_bytes_that_are_no_text_are_kept_within_bounds(launch: Launch) -> None:
    runner, lines = ProcessRunner({}), Lines()
    script = "import sys; sys.stdout.buffer.write(b'\\xff\\xfe\\n' + b'x' * 1_000_000 + b'\\n')"
    container = await runner.start(running(launch, script), lines)
    assert (await container.wait()).code == 0
    assert lines[0] == "��"
    assert "".join(lines[1:]) == "x" * 1_000_000
    assert max(map(len, lines)) <= 128 * 1024
    await runner.close()


async def test_the_end_is_noticed_although_a_child_holds_the_output_open(launch: Launch) -> None:
    runner, lines = ProcessRunner({}), Lines()
    script = (
        "import subprocess, sys; child = subprocess.Popen(['sleep', '300']); "
        "print(child.pid, flush=True); sys.exit(1)"
    )
    container = await runner.start(running(launch, script), lines)
    assert (await container.wait()).code == 1
    assert wait_until(lambda: not is_running(int(lines[0])))
    await runner.close()


def test_an_entry_point_that_the_image_does_not_have_is_named(launch: Launch) -> None:
    image = replace(launch.image, entrypoint=("no-such-program",), cmd=())
    with pytest.raises(LaunchFailed, match="entry point 'no-such-program' is not in its environment"):
        container_command(replace(launch, image=image))


def test_the_model_may_not_change_ports_and_paths(launch: Launch) -> None:
    wanted = {"SAGEMAKER_BIND_TO_PORT": "1", "SM_MODEL_DIR": "/", "PATH": "/evil"}
    wanted |= {"COLOUR": "blue", "PYTHONPATH": "/own"}
    environment = container_environment(replace(launch, environment=wanted), {"AWS_REGION": "r"})
    assert environment["SAGEMAKER_BIND_TO_PORT"] == "20000"
    assert environment["SAGEMAKER_SAFE_PORT_RANGE"] == "20001-20009"
    assert environment["SM_MODEL_DIR"] == environment["SERVING_MODEL_DIR"] == str(launch.model_dir)
    assert environment["PATH"].startswith(str(launch.image.python.parent))
    assert environment["COLOUR"] == "blue"
    assert environment["PYTHONPATH"] == f"{launch.image.app_dir}:/own"
    assert environment["AWS_REGION"] == "r"


def test_an_exit_reads_like_a_sentence() -> None:
    assert str(Exit(1)) == "exit code 1"
    assert str(Exit(-9)) == "signal SIGKILL"


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "300"], start_new_session=True)


def test_the_reaper_kills_what_is_registered_when_its_cloud_ends() -> None:
    reaper, doomed, spared = Reaper(), sleeper(), sleeper()
    try:
        reaper.register(doomed.pid)
        reaper.register(spared.pid)
        reaper.forget(spared.pid)
        reaper.close()
        assert doomed.wait(timeout=10) == -signal.SIGKILL
        assert spared.poll() is None
    finally:
        for process in (doomed, spared):
            process.kill()
            process.wait()


def test_a_reaper_that_was_killed_is_replaced_and_still_knows_everything() -> None:
    reaper, first, second = Reaper(), sleeper(), sleeper()
    try:
        reaper.register(first.pid)
        assert reaper._helper is not None
        os.kill(reaper._helper.pid, signal.SIGKILL)
        reaper._helper.wait(timeout=10)
        reaper.register(second.pid)
        reaper.close()
        assert first.wait(timeout=10) == second.wait(timeout=10) == -signal.SIGKILL
    finally:
        for process in (first, second):
            process.kill()
            process.wait()
