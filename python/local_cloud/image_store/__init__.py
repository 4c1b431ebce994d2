"""The store of process images: what an image is when there is no container engine.

A *process image* is an OCI image config and manifest (so that a registry can hold it and a digest names it)
whose content is a bundle of Python sources and a virtual environment locked by hashes. Its config says which
bundle and which environment; both lie in the store beside the config::

    <root>/blobs/sha256/<hex>                config and manifest, JSON, named by their own digest
    <root>/bundles/<sources digest>/app/…    the sources, byte-compiled
    <root>/environments/<key>/               a virtual environment; images with equal requirements share it

Builders call :meth:`ImageStore.create`, the runner calls :meth:`ImageStore.load`.
"""

from local_cloud.image_store.errors import ImageBuildFailed, ImageNotInStore, ImageStoreError
from local_cloud.image_store.interpreter import present_interpreter, uv_command
from local_cloud.image_store.oci import MANIFEST_MEDIA_TYPE
from local_cloud.image_store.store import ImageStore, ProcessImage

__all__ = [
    "MANIFEST_MEDIA_TYPE",
    "ImageBuildFailed",
    "ImageNotInStore",
    "ImageStore",
    "ImageStoreError",
    "ProcessImage",
    "present_interpreter",
    "uv_command",
]
