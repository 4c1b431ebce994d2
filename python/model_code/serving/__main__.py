"""``python -m serving serve``: the command of every image's entry point."""

from __future__ import annotations

import argparse

from serving import logs
from serving.server import serve
from serving.settings import BadSetting, Settings


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m serving", description="Serve one model as SageMaker expects it."
    )
    parser.add_argument(
        "command", choices=["serve"], help="serve the model in SERVING_MODEL_DIR until SIGTERM"
    )
    parser.parse_args()
    logs.configure("info")
    try:
        settings = Settings.from_environment()
    except BadSetting as error:
        logs.log.critical("A setting is wrong.", extra={"fields": {"reason": str(error)}})
        return 2
    logs.configure(settings.log_level)
    return serve(settings)


if __name__ == "__main__":
    raise SystemExit(main())
