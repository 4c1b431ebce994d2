"""Makes moto's S3 keep objects as :class:`~local_cloud.s3.content.Content` instead of as bytes in memory.

moto goes on to decide everything: names, versions, policies, locks, tags, errors. What changes is where the
bytes are. A request that brings an object is read in pieces before moto looks at it, and moto is given the
content in place of a body; an object that is answered with is handed to the web server as a content, which
sends it in pieces. Whoever else asks a key for its ``value`` (S3 Select, Lambda, CloudFormation) gets bytes.
"""

from __future__ import annotations

import threading

from local_cloud.s3.moto_keys import mend_keys
from local_cloud.s3.moto_requests import mend_requests
from local_cloud.s3.moto_uploads import mend_uploads

_once = threading.Lock()
_mended = False


def mend() -> None:
    """Applies everything, once for a process."""
    global _mended
    with _once:
        if _mended:
            return
        from moto.s3 import models, responses

        mend_keys(models)
        mend_uploads(models)
        mend_requests(responses)
        _mended = True
