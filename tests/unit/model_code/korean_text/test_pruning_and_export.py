"""Making weights: dequantising, pruning, training, exporting and quantising, on models made on the spot."""

import json
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto
from tiny_models import HEADS, HIDDEN, PIECES, tiny_bert, tiny_tokenizer, tokenizer_document

from korean_text.batching import pad, shuffled_batches, sorted_batches
from korean_text.e5_source import dequantise_q4_0
from korean_text.export import export_int8, to_int4_blocks
from korean_text.runtime import TextEncoder
from korean_text.torch_models import SentenceEncoder, TextClassifier
from korean_text.vocabulary import PruneRules, count_pieces, prune, prune_embeddings

Exported = tuple[SentenceEncoder, TextEncoder, Path]
ROWS = [[0, 5, 6, 2], [0, 7, 8, 9, 2], [0, 11, 5, 6, 10, 2], [0, 4, 2]]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_q4_0_blocks_are_dequantised_to_nibble_less_eight_times_scale() -> None:
    block = np.zeros((1, 18), np.uint8)
    block[0, :2] = np.frombuffer(np.float16(0.5).tobytes(), np.uint8)
    block[0, 2] = 0x9F  # value 0 is the low nibble (15), value 16 the high one (9)
    values = dequantise_q4_0(block)[0]
    assert (values[0], values[16], values[1]) == (3.5, 0.5, -4.0)


def test_values_that_came_from_q4_0_survive_a_second_quantisation() -> None:
    generator = np.random.default_rng(0)
    nibbles = generator.integers(-8, 8, (6, 64)).astype(np.float32)
    nibbles[:, ::32] = -8  # every real block holds its extreme
    table = nibbles * np.float32(0.25)
    values, scales = to_int4_blocks(table)
    assert np.array_equal(values * np.repeat(scales, 32, axis=1), table)


def test_a_block_of_zeros_is_quantised_to_zeros() -> None:
    values, scales = to_int4_blocks(np.zeros((2, 32), np.float32))
    assert not values.any()
    assert not (values * np.repeat(scales, 32, axis=1)).any()


def test_pruning_keeps_what_was_seen_and_what_single_letters_need() -> None:
    counts = count_pieces(tiny_tokenizer(), ["정말 좋아요", "영화가 좋아요"])
    pruned = prune(tokenizer_document(), counts, PruneRules(least_count=1))
    kept = [PIECES[i] for i in pruned.original_ids]
    assert kept[:4] == PIECES[:4]
    assert "▁좋" in kept
    assert "가" in kept
    assert not {"漢", "▁rare", "어요"} & set(kept)


def test_all_hangul_can_be_kept_unseen() -> None:
    pruned = prune(tokenizer_document(), Counter(), PruneRules(least_count=1, all_hangul=True))
    kept = {PIECES[i] for i in pruned.original_ids}
    assert {"어요", "▁영화"} <= kept
    assert "▁rare" not in kept


def test_a_vocabulary_of_another_kind_is_refused() -> None:
    document = tokenizer_document()
    document["model"]["type"] = "BPE"
    with pytest.raises(ValueError, match="Unigram"):
        prune(document, Counter(), PruneRules(least_count=1))


def test_a_pruned_encoder_gives_the_same_vectors_for_kept_pieces() -> None:
    full = tiny_bert()
    original_ids = [0, 1, 2, 3, 5, 6, 9]
    small = prune_embeddings(full, original_ids, layers=2, positions=16)
    small_ids = torch.tensor([[0, 4, 5, 6, 2]])
    full_ids = torch.tensor([[original_ids[i] for i in small_ids[0]]])
    with torch.inference_mode():
        ours, theirs = small(small_ids).last_hidden_state, full(full_ids).last_hidden_state
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert prune_embeddings(full, original_ids, layers=1, positions=16).config.num_hidden_layers == 1


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A torch encoder, the int8 one made of it, and the folder of the latter."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("exported")
    model = SentenceEncoder(tiny_bert())
    file, tokenizer = folder / "model.int8.onnx", folder / "tokenizer.json"
    with warnings.catch_warnings(action="ignore"):
        export_int8(model, file, ROWS, heads=HEADS, hidden=HIDDEN, output="embedding", word_vectors="int4")
    tokenizer.write_text(json.dumps(tokenizer_document()), encoding="utf-8")
    return model, TextEncoder(file, tokenizer, threads=1, max_tokens=8), folder


def test_an_exported_encoder_stays_near_torch(exported: Exported) -> None:
    model, encoder, _ = exported
    with torch.inference_mode():
        exact = model(*map(torch.from_numpy, pad(ROWS))).numpy()
    assert (encoder.run(ROWS) * exact).sum(axis=1).min() > 0.95


def test_an_exported_encoder_answers_alike_in_any_batch(exported: Exported) -> None:
    _, encoder, _ = exported
    alone = np.concatenate([encoder.run([row]) for row in ROWS])
    assert np.allclose(encoder.run(ROWS), alone, atol=1e-5)


def test_an_exported_encoder_is_fused_and_quantised_with_fixed_scales(exported: Exported) -> None:
    operators = {node.op_type for node in onnx.load(exported[2] / "model.int8.onnx").graph.node}
    assert {"QAttention", "MatMulIntegerToFloat", "GatherBlockQuantized"} <= operators
    assert not {"DynamicQuantizeLinear", "MatMul"} & operators


def test_text_is_cut_to_the_tokens_a_model_takes(exported: Exported) -> None:
    ids = exported[1].tokenize("정말 좋아요 " * 10_000)
    assert len(ids) == 8
    assert (ids[0], ids[-1]) == (0, 2)


@pytest.mark.filterwarnings("ignore")
def test_an_exported_classifier_keeps_its_last_layer_in_float(tmp_path: Path) -> None:
    model = TextClassifier(tiny_bert(layers=1), classes=2)
    file = tmp_path / "model.int8.onnx"
    export_int8(model, file, ROWS, heads=HEADS, hidden=HIDDEN, output="logits", word_vectors="int8")
    graph = onnx.load(file).graph
    assert [node.op_type for node in graph.node if node.output[0] == "logits"] == ["Gemm"]
    assert TensorProto.INT8 in {tensor.data_type for tensor in graph.initializer if "word" in tensor.name}


def test_padding_reaches_the_longest_row_only() -> None:
    ids, mask = pad([[0, 5, 2], [0, 2]])
    assert ids.tolist() == [[0, 5, 2], [0, 2, 1]]
    assert mask.tolist() == [[1, 1, 1], [1, 1, 0]]


def test_training_batches_hold_every_row_once_and_repeat_for_a_seed() -> None:
    lengths = [i % 17 + 1 for i in range(500)]
    batches = shuffled_batches(lengths, 8, seed=3)
    assert sorted(row for batch in batches for row in batch) == list(range(500))
    assert batches == shuffled_batches(lengths, 8, seed=3)
    assert batches != shuffled_batches(lengths, 8, seed=4)
    assert max(max(lengths[i] for i in b) - min(lengths[i] for i in b) for b in batches) <= 4


def test_inference_batches_go_from_short_to_long() -> None:
    assert list(sorted_batches([3, 1, 2], 2)) == [[1, 2], [0]]
