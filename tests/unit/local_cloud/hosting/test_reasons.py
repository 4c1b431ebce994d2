from __future__ import annotations

import pytest

from local_cloud.hosting import reasons


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("  plain words \n", "plain words"),
        (
            '{"level":"critical","message":"No model.","reason":"w.bin is cut short","trace":"…"}',
            "No model. w.bin is cut short",
        ),
        ('{"unknown": 1}', '{"unknown": 1}'),
        ("[1, 2]", "[1, 2]"),
        ("", ""),
    ],
)
def test_last_words_are_what_a_person_would_quote(line: str, words: str) -> None:
    assert reasons.last_words(line) == words


def test_endless_last_words_are_cut() -> None:
    assert len(reasons.last_words("x" * 10_000)) == reasons.MAX_LAST_WORDS_CHARACTERS


def test_a_reason_fits_into_describe_endpoint() -> None:
    assert len(reasons.joined(["a" * 900, "b" * 900])) == 1024
    assert reasons.joined(["same", "same", "other"]) == "same other"


def test_failing_containers_are_named_in_one_sentence() -> None:
    one = reasons.ping_failed("blue", {"primary": "exit code 1"})
    assert one == (
        "The primary container for production variant blue did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint. (primary: exit code 1)"
    )
    assert reasons.ping_failed("blue", {"a": "x", "b": "y"}).startswith(
        "The a, b containers for production variant"
    )
