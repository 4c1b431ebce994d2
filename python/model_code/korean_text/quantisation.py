"""int8 for a fused transformer graph: smoothing, weights per column, activations with fixed scales.

Fixed scales, found on calibration texts, make an answer independent of the texts it is batched with; scales
found at run time for a whole batch moved answers by a tenth of the scale of 5.  Smoothing (SmoothQuant, Xiao
et al. 2023) divides each activation channel by a factor and multiplies the weights with it, so that the few
channels with large values do not take all 256 steps for themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from korean_text.batching import Tokens, pad, sorted_batches

SMOOTHING = 0.7  # 0 leaves all the difficulty with the activations, 1 gives all of it to the weights
MARGIN = 1.05  # over the range seen in calibration; what is outside is clipped
_LEAST = 1e-5


@dataclass
class ChannelRange:
    """The least and greatest value of each channel of one activation, shape (channels,)."""

    low: NDArray[np.float32]
    high: NDArray[np.float32]

    def widen(self, values: NDArray[np.float32]) -> None:
        """Take in `values`, shape (rows, channels)."""
        self.low = np.minimum(self.low, values.min(axis=0))
        self.high = np.maximum(self.high, values.max(axis=0))


def quantise(
    fused: Path, target: Path, calibration: Sequence[Tokens], *, smoothing: float = SMOOTHING
) -> None:
    """Quantise the float graph `fused` to `target`; `calibration` is some hundred rows of token ids."""
    model = onnx.load(fused)
    ranges = channel_ranges(model, calibration)
    inputs = smooth(model, ranges, smoothing)
    smoothed = target.with_suffix(".smoothed.onnx")
    onnx.save(model, smoothed)
    logging.getLogger().setLevel(
        logging.ERROR
    )  # the quantiser advises a preparation that the fusion has done
    quantize_dynamic(
        smoothed,
        target,
        op_types_to_quantize=["MatMul", "Attention"],
        # A classifier's small last layer stays in float: it costs nothing and decides everything.
        nodes_to_quantize=[node.name for node in weighted_nodes(model)],
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT},
    )
    smoothed.unlink()
    quantised = onnx.load(target)
    fix_scales(quantised, inputs)
    onnx.save(quantised, target)


def weighted_nodes(model: ModelProto) -> list[NodeProto]:
    """The matrix products and attentions whose weights are constants."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return [
        node
        for node in model.graph.node
        if node.op_type in ("MatMul", "Attention") and node.input[1] in constants
    ]


def channel_ranges(model: ModelProto, calibration: Sequence[Tokens]) -> dict[str, ChannelRange]:
    """Run the graph on `calibration` and record the range of what goes into each weighted node, by tensor
    name.
    """
    names = list(dict.fromkeys(node.input[0] for node in weighted_nodes(model)))
    probe = ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    ranges: dict[str, ChannelRange] = {}
    for batch in sorted_batches([len(row) for row in calibration], 16):
        ids, mask = pad([calibration[i] for i in batch])
        outputs = session.run(names, {"input_ids": ids, "attention_mask": mask})
        for name, values in zip(names, outputs, strict=True):
            # What pooling and the classifier head see is two-dimensional: a row a text, all of it real.
            real = values[mask.astype(bool)] if values.ndim == 3 else values
            ranges.setdefault(name, ChannelRange(real.min(axis=0), real.max(axis=0))).widen(real)
    return ranges


def smooth(
    model: ModelProto, ranges: dict[str, ChannelRange], strength: float
) -> dict[str, tuple[float, float]]:
    """Move the difficulty of large channels into the weights, in place.

    Returns the range, least and greatest value, of each weighted node's new input by its name.
    """
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    inputs: dict[str, tuple[float, float]] = {}
    for node in weighted_nodes(model):
        source, weight = node.input[0], node.input[1]
        seen = ranges[source]
        matrix = numpy_helper.to_array(constants[weight])
        largest = np.maximum(np.maximum(-seen.low, seen.high), _LEAST)
        factors = largest**strength / np.maximum(np.abs(matrix).max(axis=1), _LEAST) ** (1.0 - strength)
        factors = (factors / np.exp(np.log(factors).mean())).astype(np.float32)
        constants[weight].CopyFrom(numpy_helper.from_array(matrix * factors[:, None], weight))
        divisor, output = f"{weight}.divisor", f"{weight}.smoothed"
        model.graph.initializer.append(numpy_helper.from_array(1.0 / factors, divisor))
        place = next(i for i, other in enumerate(model.graph.node) if other.output[0] == node.output[0])
        node.input[0] = output
        model.graph.node.insert(
            place, helper.make_node("Mul", [source, divisor], [output], name=f"{output}.mul")
        )
        inputs[output] = (float((seen.low / factors).min()), float((seen.high / factors).max()))
    return inputs


def fix_scales(model: ModelProto, inputs: dict[str, tuple[float, float]]) -> None:
    """Replace every quantisation whose scale is found at run time by one with the scale of `inputs`, in
    place.
    """
    for place, node in enumerate(list(model.graph.node)):
        if node.op_type != "DynamicQuantizeLinear":
            continue
        low, high = inputs[node.input[0]]
        low, high = min(low, 0.0) * MARGIN, max(high, 0.0) * MARGIN
        step = max(high - low, _LEAST) / 255.0
        quantised, scale, zero = node.output
        model.graph.initializer.extend(
            [
                numpy_helper.from_array(np.array(step, np.float32), scale),
                numpy_helper.from_array(np.array(round(-low / step), np.uint8), zero),
            ]
        )
        fixed = helper.make_node("QuantizeLinear", [node.input[0], scale, zero], [quantised], name=node.name)
        model.graph.node.remove(node)
        model.graph.node.insert(place, fixed)
