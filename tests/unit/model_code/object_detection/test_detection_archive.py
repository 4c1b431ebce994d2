"""The model as it is packaged: its files are enough to serve, and it imports little."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from red_finder import scene, write_red_finder

import object_detection

FOLDER = Path(object_detection.__file__).parent
PYTHON = FOLDER.parents[1]
PROGRAM = """
import json, sys
from pathlib import Path
from serving.model_loader import load_model
from serving_contracts.detection import DetectionOptions, dump_answer
from serving_contracts.media import MediaRequest

loaded = load_model(Path(sys.argv[1]), 1)
path = Path(sys.argv[2])
def ask(accept, **options):
    request = MediaRequest(path, 1, "image/png", (accept,), DetectionOptions(**options))
    return loaded.predict([request])[0]
answer = dump_answer(ask("application/json"))
plain = sorted(sys.modules)
ask("image/jpeg")
print(json.dumps({
    "name": loaded.name, "runs": loaded.concurrent_runs, "most": loaded.max_batch, "answer": answer,
    "plain": plain, "drawn": sorted(sys.modules), "files": [m.__file__ for m in list(sys.modules.values())
    if getattr(m, "__file__", None)],
}))
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a process says that has nothing but the archive, the server and the contracts."""
    root = tmp_path_factory.mktemp("served")
    model, packages = root / "model", root / "packages"
    write_red_finder(model / "weights")
    manifest = tomllib.loads((FOLDER / "model.toml").read_text(encoding="utf-8"))
    for name in manifest["code"]["files"]:
        target = model / "code" / name.removeprefix("../")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FOLDER / name, target)
    shutil.copy(FOLDER / "model.toml", model)
    packages.mkdir()
    (packages / "serving").symlink_to(PYTHON / "model_code/serving")
    (packages / "serving_contracts").symlink_to(PYTHON / "contracts/serving_contracts")
    picture = root / "body"
    scene(red=(64, 0, 128, 64)).save(picture, "PNG")
    # -S and the paths by hand: the project's own folders are on the path of this environment.
    paths = [str(packages), *(path for path in sys.path if path.endswith("site-packages"))]
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROGRAM, model, picture],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"},
        text=True,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert isinstance(told, dict)
    return told


def test_the_files_that_are_packaged_are_enough(served: dict[str, object]) -> None:
    assert served["name"] == "object_detection"
    assert served["answer"] == {
        "width": 256,
        "height": 128,
        "objects": [{"label": "red", "score": pytest.approx(0.97, abs=0.03), "box": [64, 0, 128, 64]}],
    }
    files = served["files"]
    assert isinstance(files, list)
    ours = [file for file in files if "/object_detection/" in file or "/vision/" in file]
    assert ours
    assert not [file for file in ours if file.startswith(str(PYTHON))]


def test_the_server_may_run_it_in_several_threads_one_picture_at_a_time(served: dict[str, object]) -> None:
    assert (served["runs"], served["most"]) == (1, 1)  # of one thread


def test_it_imports_nothing_that_it_does_not_need(served: dict[str, object]) -> None:
    plain, drawn = served["plain"], served["drawn"]
    assert isinstance(plain, list)
    assert isinstance(drawn, list)
    for name in ("mxnet", "gluoncv", "scipy", "cv2", "onnx", "korean_text", "boto3", "PIL.WebPImagePlugin"):
        assert name not in plain, name
        assert name not in drawn or name == "PIL.WebPImagePlugin"
    assert "PIL.ImageFont" not in plain
    assert "PIL.ImageFont" in drawn


def test_the_smoke_cases_ask_about_photographs_that_there_are() -> None:
    from object_detection.photos import NAMES

    manifest = tomllib.loads((FOLDER / "model.toml").read_text(encoding="utf-8"))
    asked = [case["request"]["photo"] for case in manifest["smoke"]["cases"]]
    assert asked
    assert set(asked) <= set(NAMES)
