"""The demo network: gluoncv's Mask R-CNN on a YOLOv3-tiny backbone, small enough for one CPU core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vision import compat

STRIDES = (4, 8, 16, 32)
ZOO_REGIONS, ZOO_ANSWERS = 300, 100
BACKBONE_CHANNELS = (16, 32, 64, 128, 256, 512)
_FILTERS = 64
_DENSE = 256
_ROI_SIZE = (14, 14)
_LARGEST_SIDE = 512


def _backbone(prefix: str = "darknet_") -> Any:
    """The first six convolutions of YOLOv3-tiny: 1/32 of the size, 512 channels.

    A fixed prefix gives parameters the same names in every network of a process.  Pooling rounds up, unlike
    darknet's, so that a feature map is never larger than the coarser one enlarged twofold.
    """
    from mxnet.gluon import nn

    network = nn.HybridSequential(prefix=prefix)
    with network.name_scope():
        for index, channels in enumerate(BACKBONE_CHANNELS):
            if index:
                network.add(nn.MaxPool2D(2, 2, ceil_mode=True))
            network.add(
                nn.Conv2D(channels, 3, padding=1, use_bias=False, prefix=f"conv{index}_"),
                nn.BatchNorm(epsilon=1e-5, momentum=0.9, prefix=f"norm{index}_"),
                nn.LeakyReLU(0.1, prefix=f"relu{index}_"),
            )
    return network


def _features() -> Any:
    """The backbone and a feature pyramid of strides 4 to 32."""
    from gluoncv.nn.feature import FPNFeatureExpander

    levels = range(len(BACKBONE_CHANNELS) - len(STRIDES), len(BACKBONE_CHANNELS))
    return FPNFeatureExpander(
        network=_backbone(),
        outputs=[f"relu{index}_fwd" for index in levels],
        num_filters=[_FILTERS] * len(STRIDES),
        no_bias=False,
    )


def _box_features() -> Any:
    from mxnet import init
    from mxnet.gluon import nn

    head = nn.HybridSequential()
    head.add(
        nn.AvgPool2D(pool_size=3, strides=2, padding=1),  # boxes need 7 x 7 cells, masks all 14 x 14
        nn.Conv2D(_FILTERS, 3, padding=1, weight_initializer=init.MSRAPrelu(slope=0.0)),
        nn.Activation("relu"),
        nn.Dense(_DENSE, weight_initializer=init.MSRAPrelu(slope=0.0)),
        nn.Activation("relu"),
    )
    return head


def build_demo_network(classes: Sequence[str], batch_size: int = 1) -> Any:
    """A ``gluoncv.model_zoo.MaskRCNN`` for `classes`, its parameters not yet set.

    Args:
        batch_size: images a training step sees; inference always takes one.
    """
    compat.prepare()
    from gluoncv.model_zoo import MaskRCNN

    return MaskRCNN(
        features=_features(),
        top_features=None,
        classes=list(classes),
        box_features=_box_features(),
        mask_channels=_FILTERS,
        num_fcn_convs=2,
        target_roi_scale=2,
        roi_mode="align",
        roi_size=_ROI_SIZE,
        short=320,
        max_size=_LARGEST_SIDE,
        train_patterns=None,
        strides=STRIDES,
        # Levels are counted from 1 rather than 2: regions below 56 px (not 112) pool from stride 4, those
        # below 112 px from stride 8 and so on, which suits images of 320 px.
        min_stage=1,
        max_stage=4,
        base_size=16,
        scales=(1.5, 3, 6, 12),
        ratios=(0.5, 1, 2),
        alloc_size=(_LARGEST_SIDE // STRIDES[0],) * 2,
        clip=4.42,
        rpn_channel=_FILTERS,
        rpn_min_size=2,
        rpn_nms_thresh=0.7,
        rpn_train_pre_nms=1000,
        rpn_train_post_nms=300,
        rpn_test_pre_nms=400,
        rpn_test_post_nms=60,
        nms_thresh=0.5,
        nms_topk=-1,
        post_nms=-1,
        rcnn_max_dets=30,
        per_device_batch_size=batch_size,
        num_sample=48,
        pos_iou_thresh=0.5,
        pos_ratio=0.33,
        max_num_gt=12,
    )


def build_zoo_network(name: str) -> Any:
    """A Mask R-CNN of gluoncv's model zoo with the zoo's own classes, its parameters not yet set.

    Args:
        name: for example ``mask_rcnn_fpn_resnet18_v1b_coco`` or ``mask_rcnn_fpn_resnet50_v1b_coco``.

    Raises:
        ValueError: the zoo has no Mask R-CNN of that name.
    """
    compat.prepare()
    import mxnet as mx
    from gluoncv import model_zoo

    if not name.startswith("mask_rcnn_"):
        raise ValueError(
            f"{name!r} is no Mask R-CNN of gluoncv's model zoo: their names begin with mask_rcnn_."
        )
    # Parameters are named after their blocks, and those are counted: from 0, as when they were published.
    with mx.name.NameManager():
        try:
            network = model_zoo.get_model(name, pretrained=False, pretrained_base=False)
        except ValueError as error:
            raise ValueError(f"gluoncv's model zoo has no {name!r}: {str(error).splitlines()[0]}") from error
    # The zoo's own limits, up to 1,000 regions and answers, take three times as long and twice the memory,
    # and some of its functions take no others as arguments.
    network._rpn_test_post_nms = network.rpn._test_post_nms = ZOO_REGIONS
    network._rcnn_max_dets = ZOO_ANSWERS
    return network
