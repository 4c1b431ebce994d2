"""Objects of any size in S3: moto decides, and the bytes lie in files and move in pieces.

Start at :mod:`local_cloud.s3.mends` for how moto is made to do so, at :mod:`local_cloud.s3.content` for how
bytes are kept, at :mod:`local_cloud.s3.objects` to read and write objects from within the local cloud.
"""

from local_cloud.s3.content import Content
from local_cloud.s3.mends import mend
from local_cloud.s3.moto_requests import STORE
from local_cloud.s3.objects import NoSuchObject, S3Objects, StoredObject
from local_cloud.s3.store import ObjectStore, StorageFailed

__all__ = [
    "STORE",
    "Content",
    "NoSuchObject",
    "ObjectStore",
    "S3Objects",
    "StorageFailed",
    "StoredObject",
    "mend",
]
