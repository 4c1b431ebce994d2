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
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local_cloud.image_store.errors import ImageBuildFailed
from local_cloud.image_store.interpreter import Interpreter, Progress, uv_command

INSTALL_DEADLINE_SECONDS: Final = 1800.0
"""A slow mirror may need minutes for one wheel; after half an hour something is broken."""

_COMPLETE = ".complete"


@dataclass(frozen=True, slots=True)
class EnvironmentSpec:
    """What an environment is made of.

    requirements: a file locked by hashes. no_deps: the file is whole, whatever its packages declare to need;
    without it the installer refuses a file that lacks something declared.
    """

    requirements: Path
    interpreter: Interpreter
    no_deps: bool = False

    def key(self) -> str:
        """Hex sha256 that names the environment: the requirements, the Python version and the platform.

        Raises ImageBuildFailed where the requirements cannot be read.
        """
        try:
            locked = self.requirements.read_bytes()
        except OSError as error:
            raise ImageBuildFailed(f"the image's requirements cannot be read: {error}") from error
        identity = f"python {self.interpreter.tag} {sys.platform} {platform.machine().lower()}"
        words = [identity, "no-deps"] if self.no_deps else [identity]
        return hashlib.sha256(" ".join(words).encode() + b"\n" + locked).hexdigest()


def python_of(environment: Path) -> Path:
    return environment / "bin" / "python"


def environment_is_usable(environment: Path) -> bool:
    """Complete, and its base interpreter still exists (a link to a removed Python does not)."""
    return (environment / _COMPLETE).is_file() and python_of(environment).exists()


def create_environment(environment: Path, spec: EnvironmentSpec, progress: Progress) -> None:
    """Make the environment in place. A virtual environment cannot be moved, so a marker says it is whole.

    Raises ImageBuildFailed with the installer's last lines.
    """
    if environment.exists():
        progress(f"removing the incomplete environment {environment.name[:12]}")
        shutil.rmtree(environment)
    environment.parent.mkdir(parents=True, exist_ok=True)
    python, requirements = spec.interpreter, spec.requirements
    progress(f"creating the environment {environment.name[:12]} (Python {python.tag})")
    _run(
        [str(python.path), "-I", "-m", "venv", "--without-pip", "--symlinks", str(environment)],
        f"Python {python.tag} ({python.path}) could not make a virtual environment",
        "Next: install its venv module (Debian, Ubuntu: apt install python3-venv)",
        progress,
    )
    packages = _package_count(requirements)
    if packages:
        progress(f"installing {packages} packages from {requirements.name}")
        _run(
            installer_command(environment, requirements, no_deps=spec.no_deps),
            f"the packages of {requirements} could not be installed",
            "Next: check that the package index can be reached (PIP_INDEX_URL, PIP_FIND_LINKS) and that "
            "requirements.txt is locked for this platform",
            progress,
        )
    (environment / _COMPLETE).write_text(f"{requirements.name}: {packages} packages\n")


def installer_command(environment: Path, requirements: Path, *, no_deps: bool = False) -> list[str]:
    """uv where the running interpreter's environment has it (many times faster), else pip.

    Hashes are demanded either way. Raises ImageBuildFailed where neither is installed.
    """
    arguments = ["--require-hashes", *(["--no-deps"] if no_deps else []), "--requirement", str(requirements)]
    if (uv := uv_command()) is not None:
        return [
            *uv,
            "pip",
            "install",
            "--python",
            str(python_of(environment)),
            "--compile-bytecode",
            *arguments,
        ]
    if importlib.util.find_spec("pip") is not None:
        pip = [sys.executable, "-m", "pip", "--python", str(python_of(environment)), "install"]
        return [*pip, "--no-input", "--disable-pip-version-check", *arguments]
    raise ImageBuildFailed(
        "neither uv nor pip is installed beside the running Python, so no image environment can be made. "
        f"Next: {sys.executable} -m ensurepip"
    )


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


def _run(command: list[str], failure: str, next_step: str, progress: Progress) -> None:
    """Runs an installer, its lines going to *progress*. Raises ImageBuildFailed with the last of them."""
    last_lines: deque[str] = deque(maxlen=15)
    process = subprocess.Popen(
        command,
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
            f"{failure} (exit code {code}):\n  " + "\n  ".join(last_lines) + f"\n{next_step}."
        )


def _package_count(requirements: Path) -> int:
    text = requirements.read_text(encoding="utf-8")
    return sum(1 for line in text.splitlines() if line.strip() and line[0] not in " \t#-")
