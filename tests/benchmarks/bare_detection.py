"""The floor of object detection: unpack a picture, run the network, and nothing around them.

Nothing is made of the network's raw output.

Usage: bare_detection.py NETWORK SIDE PICTURE…; prints a line when the first picture has been run. Then each
line of standard input gives a line with the seconds that each picture took, as a JSON array.
"""

import json
import os
import sys
import time

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

import numpy as np
import onnxruntime
from PIL import Image

network, side, pictures = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def run(path: str) -> None:
    """One picture, in the middle of the network's square input."""
    with Image.open(path) as image:
        scale = side / max(image.size)
        width, height = round(image.width * scale), round(image.height * scale)
        image.draft("RGB", (width, height))
        small = image.convert("RGB").resize((width, height), Image.Resampling.BILINEAR, reducing_gap=1.0)
    square = np.full((1, 3, side, side), 0.5, np.float32)
    left, top = (side - width) // 2, (side - height) // 2
    place = square[0, :, top : top + height, left : left + width]
    np.multiply(np.asarray(small).transpose(2, 0, 1), np.float32(1 / 255), out=place)
    session.run(None, {"image": square})


run(pictures[0])
print("answered", flush=True)
for _ in sys.stdin:
    latencies = []
    for picture in pictures:
        started = time.perf_counter()
        run(picture)
        latencies.append(time.perf_counter() - started)
    print(json.dumps(latencies), flush=True)
