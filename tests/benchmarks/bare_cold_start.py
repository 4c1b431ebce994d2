"""The floor of a cold start of a text model: imports, weights, one answer, and nothing around them.

It knows all that the function has to find out: where the files are, what the inputs are called, one thread.

Usage: bare_cold_start.py WEIGHTS_FOLDER TEXT; prints the answer, then waits for the end of standard input.
"""

import os
import sys

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

folder, text = sys.argv[1:]
tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
session = onnxruntime.InferenceSession(
    f"{folder}/model.int8.onnx", options, providers=["CPUExecutionProvider"]
)
ids = np.array([tokenizer.encode(text).ids], np.int64)
logits = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
powers = np.exp(logits - logits.max())
negative, positive = powers / powers.sum()
print("Pos" if positive >= negative else "Neg", float(max(negative, positive)), flush=True)
sys.stdin.read()
