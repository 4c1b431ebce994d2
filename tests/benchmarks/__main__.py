"""``make bench``: the inference server against the usual ways of serving, on this machine, in one run.

Prints ratios and writes them, with the command, the versions and every single measurement, to
``.local/bench.json``. Figures depend on the machine and on what else it does; the two sides of a ratio were
measured side by side. Nothing fails because of a figure, unless ``--check`` is given.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

sys.path[1:1] = [
    str(Path(__file__).resolve().parents[2] / "python" / part) for part in ("", "model_code", "contracts")
]

import servers  # noqa: E402
from results import Result, exit_status  # noqa: E402
from sections import SECTIONS, Setup  # noqa: E402

from serving.cpu import available_threads  # noqa: E402

PACKAGES = (
    "onnxruntime",
    "tokenizers",
    "numpy",
    "uvicorn",
    "httptools",
    "uvloop",
    "torch",
    "transformers",
    "litserve",
)


def main() -> int:
    """Run the chosen sections; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = list(dict.fromkeys(name for sections in SECTIONS.values() for name in sections))
    parser.add_argument("--sections", nargs="+", choices=names, default=names, help="default: all")
    models = list(SECTIONS)
    parser.add_argument("--models", nargs="+", choices=models, default=models, help="default: all")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one measurement (default: 5)")
    parser.add_argument(
        "--threads", type=int, default=available_threads(), help="of every server (default: cores)"
    )
    parser.add_argument(
        "--output", type=Path, default=servers.ROOT / ".local/bench.json", help="where the JSON goes"
    )
    parser.add_argument("--check", action="store_true", help="exit with status 1 when a target was missed")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped then too
    started = time.perf_counter()
    report = describe_run(given.threads)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for model in given.models:
            model_dir = servers.unpack_model(model, Path(folder))
            for section, measure in SECTIONS[model].items():
                if section not in given.sections:
                    continue
                say(started, f"── {model}: {section}")
                setup = Setup(
                    model, model_dir, given.threads, given.seconds, lambda text: say(started, f"   {text}")
                )
                results += measure(setup)
    report["load_average_after"] = load_average()
    report["results"] = [result.to_dict() for result in results]
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print_table(results)
    print(f"\n{report['machine']}, {given.threads} threads; load {report['load_average_before']} before")
    print(", ".join(f"{name} {version}" for name, version in report["versions"].items()))
    print(f"Written to {given.output}; took {time.perf_counter() - started:.0f} s.")
    return exit_status(results, check=given.check)


def say(started: float, text: str) -> None:
    """One line of progress."""
    print(f"[{time.perf_counter() - started:4.0f} s] {text}", flush=True)


def describe_run(threads: int) -> dict[str, Any]:
    """The command, the machine and the versions."""
    return {
        "command": shlex.join(["python", "tests/benchmarks", *sys.argv[1:]]),
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "threads": threads,
        "load_average_before": load_average(),
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in PACKAGES},
        },
    }


def load_average() -> list[float] | None:
    """What the machine was doing besides, where the system tells."""
    return [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None


def print_table(results: list[Result]) -> None:
    """One line a result."""
    print(f"\n{'model':<21} {'what':<56} {'measured':>16}   target")
    for result in results:
        measured = f"{result.value:.2f} {result.unit}"
        wanted = "for information"
        if result.target is not None:
            bound = "≥" if result.at_least else "≤"
            wanted = f"{bound} {result.target:g}  {'met' if result.met else 'MISSED'}"
        print(f"{result.model:<21} {result.what:<56} {measured:>16}   {wanted}")


if __name__ == "__main__":
    raise SystemExit(main())
