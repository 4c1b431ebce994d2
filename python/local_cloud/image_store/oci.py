"""The JSON of an image: OCI image config and manifest, in one canonical form so that digests are stable.

Source: OCI image specification 1.1 (config.md, manifest.md). ``serving.process`` is this platform's own
field; readers of OCI images ignore fields that they do not know.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

CONFIG_MEDIA_TYPE: Final = "application/vnd.oci.image.config.v1+json"
MANIFEST_MEDIA_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class ImageConfig:
    """An image config, read or to be written. ``bundle`` and ``environment`` name folders of the store."""

    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    env: Mapping[str, str]
    labels: Mapping[str, str]
    bundle: str
    environment: str

    def to_json(self) -> str:
        """Canonical JSON: equal images give equal bytes."""
        return canonical_json(
            {
                "architecture": _ARCHITECTURES.get(platform.machine().lower(), platform.machine().lower()),
                "os": sys.platform,
                "config": {
                    "Entrypoint": list(self.entrypoint),
                    "Cmd": list(self.cmd),
                    "Env": [f"{name}={value}" for name, value in sorted(self.env.items())],
                    "Labels": dict(self.labels),
                },
                "rootfs": {
                    "type": "layers",
                    "diff_ids": [f"sha256:{self.bundle}", f"sha256:{self.environment}"],
                },
                "serving.process": {"bundle": self.bundle, "environment": self.environment},
            }
        )

    @classmethod
    def from_json(cls, text: str) -> ImageConfig:
        """Raises ValueError where the text is not the config of a process image."""
        try:
            document: dict[str, Any] = json.loads(text)
            config = document["config"]
            process = document["serving.process"]
            return cls(
                entrypoint=tuple(config["Entrypoint"]),
                cmd=tuple(config["Cmd"]),
                env=dict(entry.split("=", 1) for entry in config["Env"]),
                labels=dict(config["Labels"]),
                bundle=process["bundle"],
                environment=process["environment"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"not the config of a process image: {error!r} is missing or malformed"
            ) from error


def manifest_json(config_text: str) -> str:
    """The manifest that a registry stores. It has no layers: the content is named by the config's rootfs."""
    return canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_MEDIA_TYPE,
            "config": {
                "mediaType": CONFIG_MEDIA_TYPE,
                "digest": sha256_digest(config_text.encode()),
                "size": len(config_text.encode()),
            },
            "layers": [],
        }
    )


def config_digest_of(manifest: str) -> str:
    """The config digest that a manifest names. Raises ValueError where it names none."""
    try:
        digest = json.loads(manifest)["config"]["digest"]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError("the manifest names no image config") from error
    if not isinstance(digest, str) or not digest.startswith("sha256:"):
        raise ValueError(f"the manifest's config digest is not a sha256 digest: {digest!r}")
    return digest


def canonical_json(document: object) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256_digest(data: bytes) -> str:
    """``sha256:<hex>`` of the bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def split_command(command: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(Entrypoint, Cmd): SageMaker runs ``<image> serve``, so a last word ``serve`` becomes the Cmd."""
    if command and command[-1] == "serve":
        return tuple(command[:-1]), ("serve",)
    return tuple(command), ()
