"""Readers of the labelled Korean corpora that the models are trained and judged on."""

from __future__ import annotations

import csv
import gzip
import io
import re
from dataclasses import dataclass
from pathlib import Path

from korean_text.commands import MakingError


class CorpusError(MakingError):
    """A corpus file is missing or a row of it is not as its format says."""


@dataclass(frozen=True)
class Review:
    """A film review of NSMC; `positive` is its label."""

    text: str
    positive: bool


@dataclass(frozen=True)
class ScoredPair:
    """Two sentences of KorSTS and how alike their meanings are, 0 (unrelated) to 5 (the same)."""

    first: str
    second: str
    score: float


def read_nsmc(path: Path) -> list[Review]:
    """Read an NSMC file: tab-separated columns `text` and `label` (1 = positive), plain or gzipped."""
    reviews = []
    for number, row in _rows(path, ("text", "label")):
        if row["label"] not in ("0", "1"):
            raise CorpusError(f"{path}, line {number}: the label is {row['label']!r}; expected 0 or 1.")
        reviews.append(Review(row["text"], row["label"] == "1"))
    return reviews


def read_korsts(path: Path) -> list[ScoredPair]:
    """Read a KorSTS file: tab-separated columns among which `score`, `sentence1` and `sentence2`."""
    pairs = []
    for number, row in _rows(path, ("score", "sentence1", "sentence2")):
        try:
            score = float(row["score"])
        except ValueError:
            raise CorpusError(f"{path}, line {number}: the score {row['score']!r} is no number.") from None
        pairs.append(ScoredPair(row["sentence1"], row["sentence2"], score))
    return pairs


def read_klue_sentences(path: Path) -> list[str]:
    """The plain sentences of a KLUE-NER file, whose comment lines hold them with marks like ``<서울:LC>``."""
    if not path.is_file():
        raise CorpusError(f"There is no corpus file {path}.")
    lines = path.read_text(encoding="utf-8").splitlines()
    marked = [line.split("\t", 1)[1] for line in lines if line.startswith("## klue") and "\t" in line]
    return [re.sub(r"<([^:>]+):\w+>", r"\1", sentence) for sentence in marked]


def _rows(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    if not path.is_file():
        raise CorpusError(f"There is no corpus file {path}. Name the file to read with --data.")
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    with io.StringIO(data.decode("utf-8"), newline="") as lines:
        # Quote marks are ordinary characters in these files.
        reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise CorpusError(f"{path} lacks the column(s) {', '.join(missing)}; it has {reader.fieldnames}.")
        return [(reader.line_num, {name: row[name] or "" for name in columns}) for row in reader]
