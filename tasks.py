"""Lets `invoke` find the tasks from the repository's root; they are in python/tasks.py."""

import runpy
from pathlib import Path

namespace = runpy.run_path(str(Path(__file__).parent / "python" / "tasks.py"))["namespace"]
