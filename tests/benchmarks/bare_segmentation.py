"""The bare forward pass of the segmentation network, in this process, with nothing around it.

Usage: bare_segmentation.py MODEL_DIR PICTURE…; then a line with a number of seconds on standard input gives a
line with the latencies, in seconds, as a JSON array: each the network's run on one picture that is decoded,
resized and normalised already. Run by the Python of the model's image.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import cycle
from pathlib import Path

import numpy as np
from PIL import Image


def main() -> None:
    """Answer each line of standard input with one measurement."""
    model_dir, *pictures = map(Path, sys.argv[1:])
    sys.path.insert(0, str(model_dir / "code"))
    from serving.cpu import pin_thread_pools

    pin_thread_pools(1)
    import mxnet as mx

    from instance_segmentation.segmenter import load

    segmenter = load(model_dir / "weights")
    tensors = []
    for picture in pictures:
        with Image.open(picture) as image:
            tensors.append(mx.nd.array(segmenter.preprocess(np.asarray(image.convert("RGB")))))
    endless = cycle(tensors)
    for line in sys.stdin:
        stop_at = time.perf_counter() + float(line)
        latencies = []
        for tensor in endless:
            started = time.perf_counter()
            for output in segmenter.network(tensor):
                output.wait_to_read()
            ended = time.perf_counter()
            latencies.append(ended - started)
            if ended >= stop_at:
                break
        print(json.dumps(latencies), flush=True)


if __name__ == "__main__":
    main()
