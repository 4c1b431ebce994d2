"""Writing and reading process images."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local_cloud.image_store.bundle import bundle_is_usable, source_files, sources_digest, write_bundle
from local_cloud.image_store.environment import (
    EnvironmentSpec,
    create_environment,
    environment_is_usable,
    python_of,
)
from local_cloud.image_store.errors import ImageBuildFailed, ImageNotInStore, ImageStoreError
from local_cloud.image_store.interpreter import find_interpreter
from local_cloud.image_store.oci import (
    ImageConfig,
    config_digest_of,
    manifest_json,
    sha256_digest,
    split_command,
)

LOCK_DEADLINE_SECONDS: Final = 1800.0


@dataclass(frozen=True)
class ProcessImage:
    """An image that lies complete in the store.

    ``manifest`` is the text to push, ``digest`` its sha256 (what an image URI names after ``@``).
    ``python`` stands for "python" in ``entrypoint``; relative entries of PYTHONPATH in ``env`` are relative
    to the bundle (``app_dir.parent``).
    """

    manifest: str
    digest: str
    config_digest: str
    labels: Mapping[str, str]
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    env: Mapping[str, str]
    app_dir: Path
    python: Path


def _silent(_: str) -> None:
    return None


class ImageStore:
    """The store under ``root`` (created when first written). Safe for several processes at once."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def create(
        self,
        *,
        sources: Mapping[str, Path],
        requirements: Path,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        python: str = "",
        no_deps: bool = False,
        progress: Callable[[str], None] = _silent,
    ) -> ProcessImage:
        """Make the image, or find that it is there already; equal input gives the equal digest.

        ``sources``: name inside ``app/`` → folder or file. ``requirements``: locked with hashes (may be
        empty). ``environment``: the image's variables; PYTHONPATH=app is the default. ``python``: versions it
        can run with, such as ``>=3.11,<3.12``; any when empty. ``no_deps``: the requirements are whole,
        whatever their packages declare to need.
        Raises ImageBuildFailed.
        """
        files = source_files(sources)
        spec = EnvironmentSpec(requirements, find_interpreter(python, progress), no_deps)
        entrypoint, cmd = split_command(command)
        if not entrypoint:
            raise ImageBuildFailed(f"the image's command is empty: {list(command)!r}")
        config = ImageConfig(
            entrypoint=entrypoint,
            cmd=cmd,
            env={"PYTHONPATH": "app", **(environment or {})},
            labels=dict(labels or {}),
            bundle=sources_digest(files),
            environment=spec.key(),
        )
        text = config.to_json()
        config_digest = sha256_digest(text.encode())
        try:
            return self.load(config_digest)
        except ImageNotInStore:
            pass
        with self._locked(progress):
            bundle = self.root / "bundles" / config.bundle
            if not bundle_is_usable(bundle):
                progress(f"copying {len(files)} source files")
                write_bundle(files, bundle)
            self._ensure_environment(spec, progress)
            self._write_blob(manifest_json(text))
            self._write_blob(text)
        return self.load(config_digest)

    def environment(
        self,
        requirements: Path,
        *,
        python: str = "",
        no_deps: bool = False,
        progress: Callable[[str], None] = _silent,
    ) -> Path:
        """The Python of an environment that no image runs in: for training and tests.

        Arguments as of `create`. Raises ImageBuildFailed.
        """
        spec = EnvironmentSpec(requirements, find_interpreter(python, progress), no_deps)
        with self._locked(progress):
            return self._ensure_environment(spec, progress)

    def _ensure_environment(self, spec: EnvironmentSpec, progress: Callable[[str], None]) -> Path:
        folder = self.root / "environments" / spec.key()
        if not environment_is_usable(folder):
            create_environment(folder, spec, progress)
        return python_of(folder)

    def load(self, config_digest: str) -> ProcessImage:
        """The image whose config has this digest (``sha256:<hex>``). Raises ImageNotInStore."""
        text = self._read_blob(config_digest)
        if text is None:
            raise ImageNotInStore(f"no image with the config {config_digest} lies in {self.root}")
        try:
            config = ImageConfig.from_json(text)
        except ValueError as error:
            raise ImageNotInStore(f"the blob {config_digest} in {self.root} is {error}") from error
        bundle = self.root / "bundles" / config.bundle
        venv_dir = self.root / "environments" / config.environment
        if not bundle_is_usable(bundle) or not environment_is_usable(venv_dir):
            raise ImageNotInStore(f"the image {config_digest} in {self.root} is incomplete")
        manifest = manifest_json(text)
        return ProcessImage(
            manifest=manifest,
            digest=sha256_digest(manifest.encode()),
            config_digest=config_digest,
            labels=config.labels,
            entrypoint=config.entrypoint,
            cmd=config.cmd,
            env=config.env,
            app_dir=bundle / "app",
            python=python_of(venv_dir),
        )

    def load_manifest(self, manifest: str) -> ProcessImage:
        """The image that a registry's manifest names. Raises ImageNotInStore."""
        try:
            digest = config_digest_of(manifest)
        except ValueError as error:
            raise ImageNotInStore(str(error)) from error
        return self.load(digest)

    def _blob_path(self, digest: str) -> Path:
        algorithm, _, value = digest.partition(":")
        if algorithm != "sha256" or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
            raise ImageNotInStore(f"not a sha256 digest: {digest!r}")
        return self.root / "blobs" / "sha256" / value

    def _read_blob(self, digest: str) -> str | None:
        try:
            data = self._blob_path(digest).read_bytes()
        except FileNotFoundError:
            return None
        if sha256_digest(data) != digest:  # a torn or edited file is no image
            return None
        return data.decode()

    def _write_blob(self, text: str) -> None:
        data = text.encode()
        path = self._blob_path(sha256_digest(data))
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        staged = Path(name)
        staged.chmod(0o444)
        staged.replace(path)

    @contextmanager
    def _locked(self, progress: Callable[[str], None]) -> Iterator[None]:
        """One builder at a time. The kernel frees the lock when its holder dies."""
        self.root.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + LOCK_DEADLINE_SECONDS
        told = False
        with open(self.root / ".lock", "w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise ImageStoreError(
                            f"another process has held {self.root / '.lock'} for "
                            f"{LOCK_DEADLINE_SECONDS / 60:.0f} minutes. Next: end that build, then try again"
                        ) from None
                    if not told:
                        progress("waiting for another build that is using the image store")
                        told = True
                    time.sleep(0.2)
            yield
