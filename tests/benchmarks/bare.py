"""The bare call: tokenise and run, in this process, with nothing around it.

Usage: bare.py MODEL_DIR THREADS; then a line with a number of seconds on standard input gives a line with the
latencies, in seconds, as a JSON array.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import cycle
from pathlib import Path

from texts import requests_for

from serving.cpu import pin_thread_pools
from serving.model_loader import load_model


def main() -> None:
    """Answer each line of standard input with one measurement."""
    threads = int(sys.argv[2])
    pin_thread_pools(threads)
    model = load_model(Path(sys.argv[1]), threads)
    assert model.task is not None
    assert model.prepare is not None
    requests = [model.task.parse_request(request) for request in requests_for(model.task.name)]
    endless = cycle(requests)
    for line in sys.stdin:
        stop_at = time.perf_counter() + float(line)
        latencies = []
        for request in endless:
            started = time.perf_counter()
            model.predict([model.prepare(request)])
            ended = time.perf_counter()
            latencies.append(ended - started)
            if ended >= stop_at:
                break
        print(json.dumps(latencies), flush=True)


if __name__ == "__main__":
    main()
