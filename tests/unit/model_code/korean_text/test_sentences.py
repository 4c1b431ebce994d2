"""Splitting Korean text into sentences."""

import re

import pytest

from korean_text import sentences
from korean_text.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("한 문장이다.", ["한 문장이다."]),
        ("첫째다. 둘째다! 셋째인가?", ["첫째다.", "둘째다!", "셋째인가?"]),
        ("그는 갔다.그녀는 남았다.", ["그는 갔다.", "그녀는 남았다."]),
        ("원주율은 3.14다. 끝.", ["원주율은 3.14다.", "끝."]),
        ("1. 첫째 항목이다. 2. 둘째 항목이다.", ["1. 첫째 항목이다.", "2. 둘째 항목이다."]),
        ("U.S. 정부가 밝혔다. Dr. 김이 왔다.", ["U.S. 정부가 밝혔다.", "Dr. 김이 왔다."]),
        ('그는 "밤이다. 자자"라고 말했다. 모두 잤다.', ['그는 "밤이다. 자자"라고 말했다.', "모두 잤다."]),
        ("“가자. 어서.” 그가 말했다.", ["“가자. 어서.” 그가 말했다."]),
        ("감사합니다 안녕히 계세요", ["감사합니다", "안녕히 계세요"]),
        ("그는 감사합니다 라고 했다", ["그는 감사합니다 라고 했다"]),
        ("제목 없이\n줄이 바뀐다\r\n\n또 바뀐다", ["제목 없이", "줄이 바뀐다", "또 바뀐다"]),
        ("글쎄… 잘 모르겠다.", ["글쎄…", "잘 모르겠다."]),
        ('닫히지 않은 "따옴표다. 그래도 나눈다.', ['닫히지 않은 "따옴표다.', "그래도 나눈다."]),
        ("   ", []),
    ],
)
def test_text_is_split_where_a_reader_would(text: str, expected: list[str]) -> None:
    assert split_sentences(text) == expected


def test_no_character_but_blanks_is_lost() -> None:
    text = (
        '시장은 "안전이 먼저다. 꼭 지키겠다"라고 했다.사진=뉴스1 (끝. 이다) 1.5% 올랐습니다 그리고 내렸다!!'
    )
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


def test_a_very_long_line_is_split_quickly_enough_to_serve() -> None:
    assert len(split_sentences("가나다라. " * 20_000)) == 20_000


class CountsCharacters:
    """A pattern that adds up how many characters it was given to search."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern
        self.characters = 0

    def search(self, line: str, start: int, end: int) -> re.Match[str] | None:
        self.characters += end - start
        return self._pattern.search(line, start, end)


@pytest.mark.parametrize("unit", ["A. ", "1. ", "(No. ", "그는 U.S. "])
def test_marks_that_end_no_sentence_cost_the_same_each_however_long_the_line(
    unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    examined = {}
    for count in (1_000, 10_000):
        patterns = [CountsCharacters(sentences._NUMBERED), CountsCharacters(sentences._ABBREVIATION)]
        with monkeypatch.context() as patch:
            patch.setattr(sentences, "_NUMBERED", patterns[0])
            patch.setattr(sentences, "_ABBREVIATION", patterns[1])
            assert len(split_sentences(unit * count)) == 1
        examined[count] = sum(pattern.characters for pattern in patterns)
    assert 0 < examined[10_000] <= 10.5 * examined[1_000]


@pytest.mark.parametrize("unit", ["A. ", "1. ", "A.", ".", "(.", ".) ", "가.", "니다 라고", "“. "])
def test_no_text_of_the_longest_length_taken_is_slow_to_split(unit: str) -> None:
    text = (unit * 100_000)[:99_999] + "가"  # what takes quadratic time runs into the time limit of a test
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


def test_no_more_sentences_are_made_than_are_asked_for() -> None:
    assert split_sentences("첫째다. 둘째다!\n셋째인가? 넷째다.", 3) == ["첫째다.", "둘째다!", "셋째인가?"]
    assert split_sentences("첫째다.", 3) == ["첫째다."]


def test_the_text_before_an_abbreviation_may_be_long() -> None:
    long = "가" * 200
    assert split_sentences(f"{long} U.S. 정부다. {long} (Dr. 김) {long} 2. 둘째다.") == [
        f"{long} U.S. 정부다.",
        f"{long} (Dr. 김) {long} 2. 둘째다.",
    ]
