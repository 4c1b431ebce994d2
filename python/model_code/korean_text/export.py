"""From a torch model to the int8 ONNX file that is served.

The steps: trace to ONNX, fuse the transformer's attention and layer norms, quantise the matrix products to
int8 (see ``quantisation``), and store the word vectors as int8 rows or 4-bit blocks.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnxruntime.transformers import optimizer as transformer_optimizer
from torch import nn

from korean_text.batching import Tokens
from korean_text.commands import MakingError
from korean_text.quantisation import quantise

OPSET = 17
_INT4_IR_VERSION = 10  # the first that knows 4-bit tensors
BLOCK_SIZE = 32

WordVectors = Literal["int8", "int4"]


class ExportError(MakingError):
    """The traced graph is not of the expected form."""


def export_int8(
    model: nn.Module,
    path: Path,
    calibration: Sequence[Tokens],
    *,
    heads: int,
    hidden: int,
    output: str,
    word_vectors: WordVectors,
) -> None:
    """Write `model` to `path` as int8 ONNX with inputs `input_ids`, `attention_mask` and one `output`.

    `model` takes ids and mask of shape (batch, tokens); `calibration` is some hundred rows of token ids such
    as it will see.  With ``word_vectors="int4"`` the embedding table is stored as Q4_0 blocks: lossless where
    the table came out of such blocks and was not trained, half the size of int8.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        traced, fused, small = (Path(folder) / name for name in ("traced.onnx", "fused.onnx", "small.onnx"))
        export_float(model, traced, output)
        fuse(traced, fused, heads=heads, hidden=hidden)
        table = word_table(onnx.load(fused))
        quantise(fused, small, calibration)
        graph = onnx.load(small)
        if word_vectors == "int4":
            store_table_as_int4(graph, table)
        else:
            store_table_as_int8(graph, table)
        onnx.save(graph, small)
        _save_optimised(small, path)


def export_float(model: nn.Module, path: Path, output: str) -> None:
    """Trace `model` to a float ONNX file whose batch and token dimensions are free."""
    ids = torch.tensor([[0, 5, 6, 2], [0, 7, 2, 1]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    free = {0: "batch", 1: "tokens"}
    model.eval()
    torch.onnx.export(
        model,
        (ids, mask),
        str(path),
        input_names=["input_ids", "attention_mask"],
        output_names=[output],
        dynamic_axes={"input_ids": free, "attention_mask": free, output: {0: "batch"}},
        opset_version=OPSET,
        dynamo=False,  # quantize_dynamic fails on some graphs of the newer exporter
    )


def fuse(source: Path, target: Path, *, heads: int, hidden: int) -> None:
    """Replace the traced transformer by ONNX Runtime's fused operators where their pattern is found."""
    options = transformer_optimizer.FusionOptions("bert")
    options.enable_embed_layer_norm = False  # it would hide the word table from the steps that follow
    model = transformer_optimizer.optimize_model(
        str(source), "bert", num_heads=heads, hidden_size=hidden, optimization_options=options, opt_level=0
    )
    model.save_model_to_file(str(target))


def word_table(model: ModelProto) -> str:
    """The name of the initializer that `input_ids` looks its word vectors up in."""
    initializers = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Gather" and node.input[0] in initializers and node.input[1] == "input_ids":
            return str(node.input[0])
    raise ExportError("The graph has no Gather of input_ids in a constant table; was the model traced?")


def to_int4_blocks(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Quantise rows to Q4_0: values -8 to 7, shape of `table`, and a scale a block of 32, (rows, columns /
    32).
    """
    blocks = table.reshape(table.shape[0], -1, BLOCK_SIZE)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(-1)[..., None], -1)
    scales = largest / -8.0
    divisors = np.where(scales == 0, 1.0, scales)
    values = np.clip(np.rint(blocks / divisors), -8, 7).astype(np.int8)
    return values.reshape(table.shape), scales[..., 0].astype(np.float32)


def store_table_as_int4(model: ModelProto, table: str) -> None:
    """Replace the float look-up in `table` by a GatherBlockQuantized of 4-bit blocks, in place."""
    graph = model.graph
    tensor = next(t for t in graph.initializer if t.name == table)
    values, scales = to_int4_blocks(numpy_helper.to_array(tensor).astype(np.float32))
    low, high = values.reshape(-1, 2).T
    packed = ((low & 15) | ((high & 15) << 4)).astype(np.uint8)
    quantised = helper.make_tensor(
        f"{table}_int4", TensorProto.INT4, values.shape, packed.tobytes(), raw=True
    )
    for number, node in enumerate(graph.node):
        if node.op_type == "Gather" and node.input[0] == table:
            lookup = helper.make_node(
                "GatherBlockQuantized",
                [quantised.name, node.input[1], f"{table}_scales"],
                list(node.output),
                domain="com.microsoft",
                block_size=BLOCK_SIZE,
                gather_axis=0,
                quantize_axis=1,
            )
            graph.node.remove(node)
            graph.node.insert(number, lookup)
            break
    graph.initializer.remove(tensor)
    graph.initializer.extend([quantised, numpy_helper.from_array(scales, f"{table}_scales")])
    if not any(opset.domain == "com.microsoft" for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    model.ir_version = max(model.ir_version, _INT4_IR_VERSION)


def store_table_as_int8(model: ModelProto, table: str) -> None:
    """Replace the float look-up in `table` by one in int8 rows, each with its own scale, in place."""
    graph = model.graph
    tensor = next(t for t in graph.initializer if t.name == table)
    rows = numpy_helper.to_array(tensor).astype(np.float32)
    scales = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-9) / 127.0
    values = np.rint(rows / scales).astype(np.int8)
    for number, node in enumerate(graph.node):
        if node.op_type == "Gather" and node.input[0] == table:
            ids, found = node.input[1], node.output[0]
            names = [f"{table}.{part}" for part in ("int8", "scales", "row", "row_scale", "row_float")]
            data, scale, row, row_scale, row_float = names
            graph.node.remove(node)
            for new in (
                helper.make_node("Mul", [row_float, row_scale], [found]),
                helper.make_node("Cast", [row], [row_float], to=TensorProto.FLOAT),
                helper.make_node("Gather", [scale, ids], [row_scale]),
                helper.make_node("Gather", [data, ids], [row]),
            ):
                graph.node.insert(number, new)
            graph.initializer.extend(
                [numpy_helper.from_array(values, data), numpy_helper.from_array(scales, scale)]
            )
            break
    graph.initializer.remove(tensor)


def _save_optimised(source: Path, target: Path) -> None:
    # Extended optimisations hold on every CPU; only the layout ones above them are bound to this machine's
    # kind.
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(
        str(source),
        options,
        providers=["CPUExecutionProvider"],
        # Folding the product of both scales would hide the pattern of a fused integer product from its
        # optimiser.
        disabled_optimizers=["ConstantFolding"],
    )
