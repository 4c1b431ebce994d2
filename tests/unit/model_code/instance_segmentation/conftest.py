"""Which of these tests run where: MXNet and moto cannot be installed beside each other.

The project's own environment runs what needs neither, and the tests with a stand-in of S3; the environment of
the gluoncv image runs everything else (tests/end_to_end/test_image_environments.py calls it).
"""

from importlib.util import find_spec

NEED_MXNET = (
    "test_segmentation_average_precision.py",
    "test_segmentation_determinism.py",
    "test_segmentation_masks_as_coco.py",
    "test_segmentation_network.py",
    "test_segmentation_served.py",
    "test_segmentation_training.py",
    "test_segmentation_zoo.py",
)
NEED_MOTO = ("test_segmentation_s3.py",)

collect_ignore = [
    *(NEED_MXNET if find_spec("mxnet") is None else ()),
    *(NEED_MOTO if find_spec("moto") is None else ()),
]
