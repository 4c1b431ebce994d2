"""The distribution ``serving-clients``: built, installed alone, imported, called."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

from published_catalogs import catalog, publish
from runtime_stand_in import Runtime

PROJECT = Path(__file__).parents[3] / "python" / "clients"

CALL = """
import importlib.metadata, os, sys
from serving_clients import Mask, connect, mask_array
assert "site-packages" in sys.modules["serving_clients"].__file__, sys.modules["serving_clients"].__file__
with connect("local", endpoint_url=os.environ["RUNTIME"], timeout=20) as session:
    print(session.sentiment("좋아").predicted_label, len(session.similarity([("가", "나")] * 100)))
print(importlib.metadata.version("serving-clients"))
try:
    mask_array(Mask(1, 1, "1"))
except ImportError as error:
    print("serving-clients[images]" in str(error))
"""

DESCRIBE = """
import importlib.metadata, json
about = importlib.metadata.distribution("serving-clients")
print(json.dumps({"files": [str(file) for file in about.files], "needs": about.requires}))
"""


def run(*command: str | Path, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command],
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_distribution_installs_alone_and_answers(tmp_path: Path, runtime: Runtime, moto_url: str) -> None:
    venv.create(tmp_path / "fresh", with_pip=False, symlinks=True)
    fresh = tmp_path / "fresh" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", fresh, "install", "--quiet", "--no-compile", PROJECT)
    publish(moto_url, "local", catalog())
    assert run(fresh, "-c", CALL, RUNTIME=runtime.url, LANG="C.UTF-8").split() == [
        "Pos",
        "100",
        "0.1.0",
        "True",
    ]

    described = json.loads(run(fresh, "-c", DESCRIBE))
    assert {"serving_clients", "serving_contracts"} == {
        name.partition("/")[0] for name in described["files"] if "dist-info" not in name
    }
    assert {"serving_clients/py.typed", "serving_contracts/py.typed"} <= set(described["files"])
    needs = {need.partition(">")[0]: need.partition(";")[2].strip() for need in described["needs"]}
    assert needs == {"boto3": "", "orjson": "", "numpy": "extra == 'images'", "pillow": "extra == 'images'"}
