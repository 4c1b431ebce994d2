"""Parameters of gluoncv's model zoo, and files of MXNet's parameters in general."""

from __future__ import annotations

import zipfile
from pathlib import Path

from korean_text.commands import MakingError
from vision import compat

CACHE = Path.home() / ".mxnet" / "models"
_MAGIC = (0x112).to_bytes(8, "little")  # how MXNet's lists of arrays begin (NDArray::Save)


def fetch_parameters(name: str, cache: Path = CACHE) -> Path:
    """Download the parameters of a network of the zoo; the SHA-1 that gluoncv names for it is its pin.

    Raises:
        MakingError: it cannot be downloaded, or is another file.
    """
    compat.prepare()
    from gluoncv.model_zoo.model_store import get_model_file

    try:
        return Path(get_model_file(name, tag=True, root=str(cache)))
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        raise MakingError(
            f"{name} could not be fetched from gluoncv's model zoo: {error}. Check the network; "
            "MXNET_GLUON_REPO names a mirror, and MXNET_HOME a folder where its file already lies."
        ) from error


def check_parameters(path: Path) -> None:
    """Raises MakingError where the file is none of MXNet's parameters, which carry arrays only."""
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise MakingError(
                f"{path.name} is no file of MXNet parameters: it does not begin with their mark. "
                "Write one with network.save_parameters(...)."
            )
