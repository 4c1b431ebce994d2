"""From a YOLOV3 of gluoncv to ``network.onnx`` and ``network.json``: convolutions only, in fp32.

What gluoncv does after the last convolutions (boxes, suppression) is left to numpy: as ONNX it would be
slower, and its sorting is not the same in every runtime.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from korean_text.commands import MakingError
from object_detection.description import (
    DESCRIPTION_FILE,
    NETWORK_FILE,
    Description,
    Head,
    Suppression,
)

OPSET = 13  # the newest that MXNet 1.9.1 writes
_TOLERANCE = 1e-3  # between the two runtimes' raw outputs, which go from about -20 to 10


def export(
    network: Any,
    name: str,
    output: Path,
    *,
    size: int,
    fill: float = 0.5,
    mean: Sequence[float] = (0.0, 0.0, 0.0),
    std: Sequence[float] = (1.0, 1.0, 1.0),
) -> Description:
    """Write `network`, an initialised YOLOV3 of gluoncv's, into the folder `output`, and compare it.

    The same network gives the same bytes.  size: pixels of a side of the input.  fill, mean, std: see
    :class:`~object_detection.description.Description`.

    Raises:
        MakingError: the size does not fit the network, or ONNX Runtime computes something else than MXNet.
    """
    import mxnet as mx

    description = describe(network, name, size=size, fill=fill, mean=mean, std=std)
    with mx.name.NameManager():  # else names of layers count what this process made before
        raw = raw_heads(network)
        symbols = mx.sym.Group(raw(mx.sym.var("data")))
    arrays = {parameter.name: parameter.data() for parameter in raw.collect_params().values()}
    output.mkdir(parents=True, exist_ok=True)
    (output / NETWORK_FILE).write_bytes(_as_onnx(symbols, arrays, size))
    description.write(output / DESCRIPTION_FILE)
    _compare(raw, output / NETWORK_FILE, size)
    return description


def describe(
    network: Any, name: str, *, size: int, fill: float, mean: Sequence[float], std: Sequence[float]
) -> Description:
    """What ``network.json`` says of a YOLOV3.

    Raises:
        MakingError: `size` is no multiple of its strides.
    """
    heads = []
    for output in network.yolo_outputs:
        anchors = output.anchors.data().asnumpy().reshape(-1, 2)
        heads.append(Head(int(output._stride), tuple((float(w), float(h)) for w, h in anchors)))
    largest = max(head.stride for head in heads)
    if size < largest or size % largest:
        raise MakingError(f"The size {size} is no multiple of {largest}, the stride of the network.")
    red, green, blue = (float(value) for value in mean)
    spread = tuple(float(value) for value in std)
    return Description(
        network=name,
        classes=tuple(network.classes),
        size=size,
        fill=float(fill),
        mean=(red, green, blue),
        std=(spread[0], spread[1], spread[2]),
        heads=tuple(heads),
        suppression=Suppression(float(network.nms_thresh), int(network.nms_topk), int(network.post_nms)),
    )


def raw_heads(network: Any) -> Any:
    """The same network up to its last convolutions: a block with one output a head."""
    from mxnet.gluon import HybridBlock, nn

    class RawHeads(HybridBlock):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(prefix="")
            self.stages, self.transitions = network.stages, network.transitions
            self.yolo_blocks = network.yolo_blocks
            self.predictions = nn.HybridSequential(prefix="")
            for output in network.yolo_outputs:
                self.predictions.add(output.prediction)

        def hybrid_forward(self, F: Any, x: Any) -> Any:
            routes = []
            for stage in self.stages:
                x = stage(x)
                routes.append(x)
            outputs = []
            for index, (block, prediction) in enumerate(zip(self.yolo_blocks, self.predictions, strict=True)):
                x, tip = block(x)
                outputs.append(prediction(tip))
                if index + 1 < len(routes):
                    x = F.UpSampling(self.transitions[index](x), scale=2, sample_type="nearest")
                    x = F.concat(x, routes[-index - 2], dim=1)
            return tuple(outputs)

    return RawHeads()


def _as_onnx(symbols: Any, arrays: dict[str, Any], size: int) -> bytes:
    """The bytes of the ONNX file, with input ``image`` and outputs ``head_0``, ``head_1`` …"""
    import mxnet as mx
    import onnx

    with tempfile.TemporaryDirectory() as temporary:
        written, folded = Path(temporary, "written.onnx"), Path(temporary, "folded.onnx")
        with _opset(OPSET):
            mx.onnx.export_model(symbols, arrays, [(1, 3, size, size)], np.float32, str(written))
        model = onnx.load(str(written))
        _keep_weights_from_callers(model.graph)
        _name(model)  # also before: the order of what is folded follows the names
        onnx.save(model, str(written))
        _fold(written, folded)
        model = onnx.load(str(folded))
    _name(model)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _keep_weights_from_callers(graph: Any) -> None:
    """MXNet lists weights as inputs too, which a caller could replace: no runtime may fold them then."""
    weights = {tensor.name for tensor in graph.initializer}
    (image,) = (value for value in graph.input if value.name not in weights)
    del graph.input[:]
    graph.input.append(image)


def _fold(path: Path, target: Path) -> None:
    """Computes normalisations into the convolutions before them, which every start would do otherwise.

    On two cores it takes 50 of 160 ms off the loading of YOLOv3-tiny, and 20 MB of memory.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # More than "basic" would depend on the processor that exports.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@contextmanager
def _opset(version: int) -> Iterator[None]:
    """MXNet asks the onnx package which opset to write; the package names its newest, which MXNet cannot."""
    from onnx import defs

    newest = defs.onnx_opset_version
    defs.onnx_opset_version = lambda: version
    try:
        yield
    finally:
        defs.onnx_opset_version = newest


def _name(model: Any) -> None:
    """Plain names for all tensors, in their order in the file, whatever the tools before called them."""
    graph = model.graph
    (image,) = graph.input
    names = {image.name: "image"}
    names.update({value.name: f"head_{at}" for at, value in enumerate(graph.output)})
    for at, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{at}"
        for result in node.output:
            names.setdefault(result, f"value_{at}")
    names.update({tensor.name: f"weight_{at}" for at, tensor in enumerate(graph.initializer)})
    for node in graph.node:
        node.input[:] = [names[tensor] if tensor else "" for tensor in node.input]
        node.output[:] = [names[tensor] for tensor in node.output]
    for tensor in (*graph.initializer, *graph.output, image):
        tensor.name = names[tensor.name]
    graph.name = "yolo3"
    del graph.value_info[:]
    # ONNX Runtime lists every set of operators that it knows; only the standard one is used.
    for other in [entry for entry in model.opset_import if entry.domain]:
        model.opset_import.remove(other)


def _compare(raw: Any, path: Path, size: int) -> None:
    """Raises MakingError unless ONNX Runtime computes from the file what MXNet does, on noise."""
    import mxnet as mx
    import onnxruntime

    noise: NDArray[np.float32] = np.random.default_rng(0).random((1, 3, size, size), np.float32)
    wanted = [output.asnumpy() for output in raw(mx.nd.array(noise))]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for index, (given, expected) in enumerate(zip(session.run(None, {"image": noise}), wanted, strict=True)):
        apart = float(np.abs(given - expected).max()) if given.shape == expected.shape else float("inf")
        if not apart <= _TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise MakingError(
                f"Head {index} of {path.name} differs from MXNet's by up to {apart}: the export is wrong, "
                "maybe by a version of onnx or onnxruntime that was never tried with MXNet."
            )
