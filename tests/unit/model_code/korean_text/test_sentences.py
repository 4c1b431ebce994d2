"""Splitting Korean text into sentences."""

import pytest

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
