"""The same image gets exactly the same answer, and it is compat that sees to it."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Between two runs the memory that the network gives back and takes again is filled with other numbers, as
# other work in the same process does it.
PROGRAM = """
import sys, warnings
warnings.simplefilter("ignore")
import numpy as np
import mxnet as mx
from instance_segmentation import network
from vision import compat

if sys.argv[1] == "without":
    compat.prepare = lambda: None
mx.random.seed(0)
np.random.seed(0)
built = network.build_demo_network(["a", "b"])
built.initialize()
if sys.argv[2] == "hybrid":
    built.hybridize()
image = mx.nd.array(np.random.RandomState(0).uniform(0, 1, (1, 3, 128, 160)))
shapes = [(60, 64, 14, 14), *((1, 64, 128 // s, 160 // s) for s in (4, 8, 16, 32))]
first = [output.asnumpy() for output in built(image)]
worst = 0.0
for turn in range(6):
    other = [mx.nd.full(shape, 10.0 ** (turn + 1)) for shape in shapes for _ in range(3)]
    mx.nd.waitall()
    del other
    again = [output.asnumpy() for output in built(image)]
    worst = max(worst, *(float(np.abs(a - b).max()) for a, b in zip(first, again)))
print("largest difference", worst)
"""


def run(prepared: str, mode: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, prepared, mode],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("mode", ["hybrid", "imperative"])
def test_repeated_runs_differ_by_exactly_nothing(mode: str) -> None:
    done = run("with", mode)
    assert done.returncode == 0, done.stderr
    assert "largest difference 0.0" in done.stdout


def test_without_compat_they_differ_or_the_process_crashes() -> None:
    done = run("without", "hybrid")
    assert done.returncode < 0 or "largest difference" in done.stdout, done.stderr
    assert "largest difference 0.0\n" not in done.stdout


def test_truncated_pictures_are_refused_although_gluoncv_lets_pillow_take_them() -> None:
    program = (
        "from vision import compat; compat.prepare(); "
        "from PIL import ImageFile; print(ImageFile.LOAD_TRUNCATED_IMAGES)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["False"], done.stderr
