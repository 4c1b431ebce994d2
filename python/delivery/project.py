"""Where things lie in the repository, and where the state of this machine lies (``.local/``)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

LOCAL_DIR_VARIABLE = "SERVING_LOCAL_DIR"


@dataclass(frozen=True, slots=True)
class Project:
    """The layout of one checkout. Every path is absolute.

    Attributes:
        root: the repository's root.
        local_dir: state of this machine, never committed: the local cloud, Terraform's working files, images.
    """

    root: Path
    local_dir: Path

    @classmethod
    def here(cls) -> Project:
        """The checkout this file belongs to; ``SERVING_LOCAL_DIR`` moves ``.local``."""
        root = Path(__file__).resolve().parents[2]
        local = os.environ.get(LOCAL_DIR_VARIABLE)
        return cls(root, Path(local).resolve() if local else root / ".local")

    @property
    def terraform_dir(self) -> Path:
        return self.root / "terraform"

    @property
    def model_code_dir(self) -> Path:
        return self.root / "python" / "model_code"

    @property
    def cloud_dir(self) -> Path:
        return self.local_dir / "cloud"

    @property
    def cloud_file(self) -> Path:
        return self.cloud_dir / "cloud.json"

    @property
    def images_dir(self) -> Path:
        return self.local_dir / "images"

    @property
    def archives_dir(self) -> Path:
        return self.local_dir / "archives"

    @property
    def sources_dir(self) -> Path:
        return self.local_dir / "sources"

    @property
    def terraform_state_dir(self) -> Path:
        return self.local_dir / "terraform"

    def show(self, path: Path) -> str:
        """The path as a person standing in the repository would write it."""
        try:
            return str(path.relative_to(self.root))
        except ValueError:
            return str(path)
