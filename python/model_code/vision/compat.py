"""Makes gluoncv 0.10 and MXNet 1.9 usable and repeatable on today's Python.

Call :func:`prepare` before a network of gluoncv is built; it may be called any number of times.
"""

from __future__ import annotations

import warnings

from PIL import ImageFile


def prepare() -> None:
    """Import gluoncv quietly and take MXNet's ``box_encode`` operator out of its sight.

    gluoncv's feature pyramid sends a region that belongs to another level to ``contrib.ROIAlign`` as a row of
    -1, batch index included, whenever it finds ``contrib.box_encode``.  ROIAlign on a CPU then reads memory
    in front of the feature map, so that the same image gets different answers, or a crash.  Without
    ``box_encode`` gluoncv pools every region on every level and picks the right one afterwards: valid
    indices only, at a small cost.  What is lost is a faster encoder that only training uses.

    A data set's module of gluoncv's also tells Pillow, for the whole process, to take truncated pictures for
    whole ones; that is taken back.
    """
    with warnings.catch_warnings():
        # NumPy's aliases (np.bool) that both packages use, and advice about packages that are not needed.
        warnings.simplefilter("ignore")
        import gluoncv  # noqa: F401
        import mxnet as mx
    # Said at the first run of every network of gluoncv's detectors, of an input that is not even used.
    warnings.filterwarnings(
        "ignore", message="Cannot decide type for the following arguments", module="mxnet"
    )
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    for module in (mx.nd.contrib, mx.sym.contrib):
        module.__dict__.pop("box_encode", None)
