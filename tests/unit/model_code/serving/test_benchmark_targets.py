"""``--check`` of tests/benchmarks: which results end the command with which status."""

from __future__ import annotations

import importlib.util
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from serving_processes import ROOT

BENCHMARKS = ROOT / "tests/benchmarks"


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The command's module, without the traces that its import and its run leave in this process."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    handler = signal.getsignal(signal.SIGTERM)
    spec = importlib.util.spec_from_file_location("benchmark_command", BENCHMARKS / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    signal.signal(signal.SIGTERM, handler)
    own = {path.stem for path in BENCHMARKS.glob("*.py")}
    for name in (set(sys.modules) - before) & own:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("arguments", "value", "target", "status"),
    [
        pytest.param([], 2.0, 1.5, 0, id="missed, not checked"),
        pytest.param(["--check"], 2.0, 1.5, 1, id="missed"),
        pytest.param(["--check"], 1.5, 1.5, 0, id="just met"),
        pytest.param(["--check"], 2.0, None, 0, id="for information"),
    ],
)
def test_a_missed_target_gives_status_1_only_when_checking_and_the_report_is_written_all_the_same(
    benchmarks: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    value: float,
    target: float | None,
    status: int,
) -> None:
    def measured(setup: object) -> Iterator[object]:
        yield benchmarks.Result("startup", "sentiment", "start", value, "s", target, at_least=False)

    monkeypatch.setattr(benchmarks, "SECTIONS", {"sentiment": {"startup": measured}})
    output = tmp_path / "bench.json"
    command = ["tests/benchmarks", "--models", "sentiment", "--output", str(output), *arguments]
    monkeypatch.setattr(sys, "argv", command)
    assert benchmarks.main() == status
    assert [result["value"] for result in json.loads(output.read_text())["results"]] == [value]


def test_one_missed_target_among_many_is_enough(benchmarks: ModuleType) -> None:
    def faster(value: float) -> object:
        return benchmarks.Result("throughput", "sentiment", "faster", value, "×", 1.3, at_least=True)

    assert benchmarks.exit_status([faster(2.0), faster(1.3)], check=True) == 0
    assert benchmarks.exit_status([faster(2.0), faster(1.2), faster(2.0)], check=True) == 1
