"""A network that finds what is red: the tests know what it must answer. A real ONNX file of two operators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from object_detection.description import (
    DESCRIPTION_FILE,
    NETWORK_FILE,
    Description,
    Head,
    Suppression,
)

SIZE, STRIDE = 128, 32
RED, BLUE = (230, 20, 20), (20, 20, 230)
CLASSES = ("red", "blue")


def description(**other: Any) -> Description:
    """Boxes of one cell, and one anchor."""
    fields: dict[str, Any] = {
        "network": "red_finder",
        "classes": CLASSES,
        "size": SIZE,
        "fill": 0.5,
        "mean": (0.0, 0.0, 0.0),
        "std": (1.0, 1.0, 1.0),
        "heads": (Head(STRIDE, ((float(STRIDE), float(STRIDE)),)),),
        "suppression": Suppression(0.45, 400, 100),
    }
    return Description(**{**fields, **other})


def write_red_finder(folder: Path) -> Path:
    """A weights folder: each cell of 32 × 32 pixels that is red or blue is an object of that class.

    A cell that is partly so is less certain: half of it has a score of about 0.5.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weight = np.zeros((7, 3, 1, 1), np.float32)
    # x, y, width and height stay 0: a box as large as its anchor, in the middle of its cell.
    weight[5, :, 0, 0], weight[6, :, 0, 0] = (12, -6, -6), (-6, -6, 12)
    bias = np.array([0, 0, 0, 0, 9, -4.5, -4.5], np.float32)
    nodes = [
        helper.make_node(
            "AveragePool", ["image"], ["cells"], kernel_shape=[STRIDE] * 2, strides=[STRIDE] * 2
        ),
        helper.make_node("Conv", ["cells", "weight", "bias"], ["head_0"]),
    ]
    cells = SIZE // STRIDE
    graph = helper.make_graph(
        nodes,
        "red_finder",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("head_0", TensorProto.FLOAT, [1, 7, cells, cells])],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(folder / NETWORK_FILE))
    description().write(folder / DESCRIPTION_FILE)
    return folder


def scene(width: int = 256, height: int = 128, **blocks: tuple[int, int, int, int]) -> Image.Image:
    """Grey, with blocks ``red=(left, top, right, bottom)`` or ``blue=…`` in pixels."""
    pixels = np.full((height, width, 3), 128, np.uint8)
    for name, (left, top, right, bottom) in blocks.items():
        pixels[top:bottom, left:right] = RED if name == "red" else BLUE
    return Image.fromarray(pixels)
