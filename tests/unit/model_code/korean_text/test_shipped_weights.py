"""What the repository ships: sizes and what model.toml names."""

import tomllib
from pathlib import Path

import pytest

import korean_text

MODEL_CODE = Path(korean_text.__file__).parent.parent
MODELS = ("sentiment", "similarity", "summarization")
LARGEST_TOTAL = 40_000_000  # bytes: the repository must stay quick to clone


def manifest(model: str) -> dict:  # type: ignore[type-arg]
    return tomllib.loads((MODEL_CODE / model / "model.toml").read_text(encoding="utf-8"))


def test_the_weights_of_the_korean_models_are_together_at_most_forty_megabytes() -> None:
    files = [
        path for model in MODELS for path in (MODEL_CODE / model / "weights").glob("*") if path.is_file()
    ]
    assert 10_000_000 < sum(path.stat().st_size for path in files) <= LARGEST_TOTAL


@pytest.mark.parametrize("model", MODELS)
def test_every_file_that_a_model_names_is_there(model: str) -> None:
    described = manifest(model)
    for name in [*described["weights"]["files"], *described["code"]["files"]]:
        assert (MODEL_CODE / model / name).is_file(), name


@pytest.mark.parametrize("model", MODELS)
def test_the_code_of_an_archive_imports_nothing_that_is_not_in_it(model: str) -> None:
    files = [MODEL_CODE / model / name for name in manifest(model)["code"]["files"]]
    shipped = {f"korean_text.{path.stem}" for path in files if path.parent.name == "korean_text"}
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if words[:1] in (["from"], ["import"]):
                root = words[1].split(".")[0]
                assert root not in ("torch", "transformers", "onnx", "scipy", *MODELS), f"{path.name}: {line}"
                assert root != "korean_text" or words[1] in shipped, f"{path.name}: {line}"


def test_the_summaries_share_the_similarity_weights() -> None:
    assert all(name.startswith("../similarity/") for name in manifest("summarization")["weights"]["files"])
    assert not (MODEL_CODE / "summarization" / "weights").exists()


def test_the_production_source_of_each_model_is_declared() -> None:
    assert {manifest(model)["sources"]["hub"]["id"] for model in MODELS} == {
        "daekeun-ml/koelectra-small-v3-nsmc",
        "daekeun-ml/koelectra-small-v3-korsts",
        "ainize/kobart-news",
    }
