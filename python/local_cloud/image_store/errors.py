"""What can go wrong with the image store."""

from __future__ import annotations


class ImageStoreError(Exception):
    """Root of the store's errors."""


class ImageNotInStore(ImageStoreError, KeyError):
    """No (complete) image with this config digest lies in the store."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:  # KeyError would show the repr
        return self.message


class ImageBuildFailed(ImageStoreError):
    """The image could not be made; the message holds the cause and the installer's last lines."""
