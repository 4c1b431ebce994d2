"""Which of these tests run where: MXNet cannot be installed beside the project's other packages.

The project's own environment runs what does not need it; the environment of the gluoncv image runs everything
(tests/end_to_end/test_image_environments.py calls it).
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

collect_ignore = [*(NEED_MXNET if find_spec("mxnet") is None else ())]
