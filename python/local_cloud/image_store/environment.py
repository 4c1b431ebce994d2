"""The virtual environment of an image, made from a requirements file that is locked by hashes."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import threading
import venv
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from local_cloud.image_store.bundle import python_tag
from local_cloud.image_store.errors import ImageBuildFailed

INSTALL_DEADLINE_SECONDS: Final = 1800.0
"""A slow mirror may need minutes for one wheel; after half an hour something is broken."""

_COMPLETE = ".complete"
Progress = Callable[[str], None]


def environment_key(requirements: bytes) -> str:
    """Hex sha256 that names the environment: the locked requirements, the Python version and the platform."""
    identity = f"python {python_tag()} {sys.platform} {platform.machine().lower()}\n".encode()
    return hashlib.sha256(identity + requirements).hexdigest()


def python_of(environment: Path) -> Path:
    return environment / "bin" / "python"


def environment_is_usable(environment: Path) -> bool:
    """Complete, and its base interpreter still exists (a link to a removed Python does not)."""
    return (environment / _COMPLETE).is_file() and python_of(environment).exists()


def create_environment(environment: Path, requirements: Path, progress: Progress) -> None:
    """Make the environment in place. A virtual environment cannot be moved, so a marker says it is whole.

    Raises ImageBuildFailed with the installer's last lines.
    """
    if environment.exists():
        progress(f"removing the incomplete environment {environment.name[:12]}")
        shutil.rmtree(environment)
    environment.parent.mkdir(parents=True, exist_ok=True)
    progress(f"creating the environment {environment.name[:12]} (Python {python_tag()})")
    venv.EnvBuilder(with_pip=False, symlinks=True).create(environment)
    packages = _package_count(requirements)
    if packages:
        progress(f"installing {packages} packages from {requirements.name}")
        _install(environment, requirements, progress)
    (environment / _COMPLETE).write_text(f"{requirements.name}: {packages} packages\n")


def installer_command(environment: Path, requirements: Path) -> list[str]:
    """uv where the running interpreter's environment has it (many times faster), else pip.

    Hashes are demanded either way. Raises ImageBuildFailed where neither is installed.
    """
    arguments = ["--require-hashes", "--requirement", str(requirements)]
    uv = Path(sys.executable).parent / "uv"
    if uv.is_file():
        command = [str(uv)]
    elif importlib.util.find_spec("uv") is not None:
        command = [sys.executable, "-m", "uv"]
    elif importlib.util.find_spec("pip") is not None:
        pip = [sys.executable, "-m", "pip", "--python", str(python_of(environment)), "install"]
        return [*pip, "--no-input", "--disable-pip-version-check", *arguments]
    else:
        raise ImageBuildFailed(
            "neither uv nor pip is installed beside the running Python, so no image environment can be made. "
            f"Next: {sys.executable} -m ensurepip"
        )
    return [
        *command,
        "pip",
        "install",
        "--python",
        str(python_of(environment)),
        "--compile-bytecode",
        *arguments,
    ]


def installer_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's variables, with pip's settings said in uv's words where uv has none of its own."""
    result = dict(environ)
    for pip_name, uv_name, separator in (
        ("PIP_FIND_LINKS", "UV_FIND_LINKS", ","),
        ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", None),
        ("PIP_EXTRA_INDEX_URL", "UV_INDEX", " "),
        ("PIP_CERT", "SSL_CERT_FILE", None),
        ("PIP_DEFAULT_TIMEOUT", "UV_HTTP_TIMEOUT", None),
    ):
        value = result.get(pip_name)
        if value and uv_name not in result:
            result[uv_name] = separator.join(value.split()) if separator else value
    result.pop("VIRTUAL_ENV", None)  # else uv warns that it is not the target
    result.pop("PYTHONPATH", None)
    return result


def _install(environment: Path, requirements: Path, progress: Progress) -> None:
    last_lines: deque[str] = deque(maxlen=15)
    process = subprocess.Popen(
        installer_command(environment, requirements),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=installer_environment(os.environ),
    )
    watchdog = threading.Timer(INSTALL_DEADLINE_SECONDS, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                if text := line.strip():
                    last_lines.append(text)
                    progress(text)
        code = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        watchdog.cancel()
    if code != 0:
        raise ImageBuildFailed(
            f"the packages of {requirements} could not be installed (exit code {code}):\n  "
            + "\n  ".join(last_lines)
            + "\nNext: check that the package index can be reached (PIP_INDEX_URL, PIP_FIND_LINKS) and that "
            "requirements.txt is locked for this platform."
        )


def _package_count(requirements: Path) -> int:
    text = requirements.read_text(encoding="utf-8")
    return sum(1 for line in text.splitlines() if line.strip() and line[0] not in " \t#-")
