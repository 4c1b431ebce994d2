"""Production weights: revisions must be pinned, pickles are refused, and what is downloaded is served."""

import json
from pathlib import Path

import pytest
import torch
from transformers import BertTokenizerFast, ElectraConfig, ElectraForSequenceClassification

import sentiment.handler
import similarity.handler
from korean_text.hub import HubError, Kind, download, export_folder, main
from serving_contracts.sentiment import SentimentRequest
from serving_contracts.similarity import SimilarityRequest

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "좋", "##아요", "영화", "싫", "##어요", "정말"]
TEXTS = ["정말 좋아요", "영화 싫어요", "좋아요", "정말 영화 좋아요"]


def hub_folder(folder: Path, labels: int) -> Path:
    """A tiny ELECTRA classifier saved as the hub's models are."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    folder.mkdir()
    config = ElectraConfig(
        vocab_size=len(VOCABULARY),
        embedding_size=32,
        hidden_size=32,
        num_hidden_layers=1,
        num_labels=labels,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        initializer_range=0.3,
    )
    ElectraForSequenceClassification(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY), encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), do_lower_case=False).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("revision", ["", "main", "v1.0", "abc123", "g" * 40])
def test_a_revision_that_is_no_commit_is_refused_with_what_to_do(revision: str) -> None:
    with pytest.raises(HubError, match="full commit hash"):
        download("organisation/model", revision)


def test_the_command_says_why_it_fetched_nothing(tmp_path: Path) -> None:
    arguments = ["--kind", "classifier", "--id", "a/b", "--revision", "main", "--output", str(tmp_path)]
    with pytest.raises(SystemExit, match="Branches move"):
        main(arguments)


def test_a_revision_that_cannot_be_fetched_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="a/b at 0000"):
        download("a/b", "0" * 40, cache=tmp_path)


def test_pickled_weights_are_never_loaded(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(HubError, match="no safetensors"):
        export_folder(tmp_path, "classifier", TEXTS, tmp_path / "out")


@pytest.mark.parametrize(("kind", "labels"), [("classifier", 3), ("cross_encoder", 2)])
def test_a_model_with_another_kind_of_answer_is_refused(tmp_path: Path, kind: Kind, labels: int) -> None:
    with pytest.raises(HubError, match=f"answers {labels}"):
        export_folder(hub_folder(tmp_path / "hub", labels), kind, TEXTS, tmp_path / "out")


@pytest.mark.filterwarnings("ignore")
def test_a_classifier_of_the_hub_is_served_as_torch_answers(tmp_path: Path) -> None:
    folder = hub_folder(tmp_path / "hub", 2)
    export_folder(folder, "classifier", TEXTS, tmp_path / "model" / "weights")
    model = sentiment.handler.load(tmp_path / "model", threads=1)
    item = model.prepare(SentimentRequest("정말 좋아요"))
    assert item == [2, 10, 5, 6, 3]
    answer = model.predict([item])[0]
    exact = ElectraForSequenceClassification.from_pretrained(folder)(torch.tensor([item])).logits.softmax(1)[
        0
    ]
    positive = answer.score if answer.predicted_label == "Pos" else 1.0 - answer.score
    assert positive == pytest.approx(float(exact[1]), abs=0.05)


@pytest.mark.filterwarnings("ignore")
def test_a_cross_encoder_of_the_hub_reads_both_sentences_at_once(tmp_path: Path) -> None:
    folder = hub_folder(tmp_path / "hub", 1)
    output = tmp_path / "model" / "weights"
    export_folder(folder, "cross_encoder", TEXTS, output)
    assert json.loads((output / "scoring.json").read_text(encoding="utf-8")) == {"kind": "cross_encoder"}
    model = similarity.handler.load(tmp_path / "model", threads=1)
    item = model.prepare(SimilarityRequest(("정말 좋아요", "영화 싫어요")))
    assert item == [2, 10, 5, 6, 3, 7, 8, 9, 3]
    segments = torch.tensor([[0, 0, 0, 0, 0, 1, 1, 1, 1]])
    torch_model = ElectraForSequenceClassification.from_pretrained(folder)
    exact = float(torch_model(torch.tensor([item]), token_type_ids=segments).logits[0, 0].clamp(0, 5))
    assert model.predict([item])[0].score == pytest.approx(exact, abs=0.1)
