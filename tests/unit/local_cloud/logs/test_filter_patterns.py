"""Filter patterns of CloudWatch Logs; most examples are those of AWS's guide."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from local_cloud.log_filters import InvalidPattern, read_pattern

ACCESS = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
TRAIL: dict[str, Any] = {
    "eventType": "UpdateTrail",
    "sourceIPAddress": "111.111.111.111",
    "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
    "SomeObject": None,
    "count": 3,
    "share": 0.25,
    "ThisFlag": True,
    "a.b": "dotted",
    "user": {"id": 1, "email": "John.Stiles@example.com"},
}


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("", ["anything", ""], []),
        ("ERROR", ["[ERROR 400] BAD REQUEST"], ["[error 400]", "WARN"]),
        ("ERROR ARGUMENTS", ["[ERROR 419] MISSING ARGUMENTS"], ["[ERROR 400] BAD REQUEST"]),
        ("?ERROR ?ARGUMENTS", ["[ERROR 400]", "[419] ARGUMENTS"], ["[INFO] fine"]),
        ('"INTERNAL SERVER ERROR"', ["[ERROR 500] INTERNAL SERVER ERROR"], ["SERVER INTERNAL ERROR"]),
        ("ERROR -ARGUMENTS", ["[ERROR 400] BAD"], ["[ERROR 419] MISSING ARGUMENTS", "BAD"]),
        ("?WARN ERROR", ["ERROR"], ["WARN"]),
        (r"%Task timed out after \d+\.\d+ seconds%", ["x Task timed out after 3.00 seconds"], ["Task timed"]),
        (r'"say \"no\""', ['they say "no"'], ["they say no"]),
    ],
)
def test_terms(pattern: str, matching: list[str], others: list[str]) -> None:
    found = read_pattern(pattern)
    assert all(found.match(text) for text in matching)
    assert not any(found.match(text) for text in others)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ('{ $.eventType = "updateTrail" }', False),
        ("{ $.eventType = Update* }", True),
        ("{$.eventType=*Trail}", True),
        ("{ $.eventType != UpdateTrail }", False),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ('{ $.arrayKey[0] = "value" }', True),
        ('{ $.arrayKey[1] = "value" }', False),
        ("{ $.arrayKey[9] = * }", False),
        ('{ $.objectList[1].name = "b" && $.objectList[1].id = 2 }', True),
        ('{ $.objectList[*].name = "b" }', True),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.count IS NULL }", False),
        ("{ $.SomeOtherObject NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.ThisFlag IS TRUE }", True),
        ("{ $.ThisFlag IS FALSE }", False),
        ("{ $.count = 3 }", True),
        ("{ $.count = 3.0 }", True),
        ("{ $.count > 3 }", False),
        ("{ $.count >= 3 }", True),
        ("{ $.share < 1e0 }", True),
        ("{ $.eventType > 1 }", False),
        ("{ $.count = * }", True),
        ("{ $.missing = * }", False),
        ("{ $.['a.b'] = dotted }", True),
        ('{ $["a.b"] = dotted }', True),
        (r"{ $.user.email = %John\.[A-Z]\w+@example% }", True),
        ("{ ($.user.id = 1 || $.user.id = 7) && $.count < 2 }", False),
        ("{ $.user.id = 1 || $.user.id = 7 && $.count < 2 }", True),
        ("{ $.user = * }", False),
    ],
)
def test_json(pattern: str, matches: bool) -> None:
    assert bool(read_pattern(pattern).match(json.dumps(TRAIL))) is matches


@pytest.mark.parametrize("text", ["ERROR", "[1, 2]", "{broken", "", '{"a":' * 100_000])
def test_what_is_no_json_object_matches_no_json_pattern(text: str) -> None:
    assert read_pattern("{ $.x NOT EXISTS }").match(text) is None


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("[ip, server, username, timestamp, request, status_code, bytes]", True),
        ("[ip, server, username, timestamp, request, status_code]", False),
        ("[ip, server, username, timestamp, request, status_code, bytes, more]", False),
        ("[ip, server, username, timestamp, request =*.html*, status_code = 4*, bytes > 1000]", True),
        ("[ip, server, username, timestamp, request =*.html*, status_code = 5*, bytes]", False),
        ("[ip!=127.*, ...]", False),
        ("[..., status_code = 404 || status_code = 410, bytes]", True),
        ("[..., status_code != 404, bytes]", False),
        ("[ip, ..., bytes >= 1534]", True),
        ("[ip=%127\\.0\\.0\\.[1-9]%, server, ...]", True),
        ('[ip, server="Prod", ...]', True),
        ("[ip, server=Dev, ...]", False),
        ("[ip, server, username, timestamp, (request = a && request = b) || request = GET*, ...]", True),
    ],
)
def test_fields(pattern: str, matches: bool) -> None:
    assert bool(read_pattern(pattern).match(ACCESS)) is matches


def test_what_a_match_selects() -> None:
    fields = read_pattern("[ip, ..., status, bytes]").match(ACCESS)
    assert fields is not None
    assert [fields.value(name) for name in ("$ip", "$status", "$bytes", "$no")] == [
        "127.0.0.1",
        "404",
        "1534",
        None,
    ]
    event = read_pattern("{ $.count = * }").match(json.dumps(TRAIL))
    assert event is not None
    selected = [event.value(name) for name in ("$.count", "$.objectList[1].id", "$.nothing", "count")]
    assert selected == [3, 2, None, None]
    term = read_pattern("ERROR").match("ERROR")
    assert term is not None
    assert term.value("$x") is None


@pytest.mark.parametrize(
    "pattern",
    [
        "/aws",
        "REPORT:",
        '"open',
        "{ $.x = 1",
        "[a, b",
        "{ }",
        "{ $.x }",
        "{ x = 1 }",
        "{ $.x = }",
        "{ $.x > many }",
        "{ $.x = 1 $.y = 2 }",
        "{ ($.x = 1 }",
        "{" + "(" * 200 + "$.x = 1" + ")" * 200 + "}",
        "[..., a, ...]",
        "[a, , b]",
        "[a = ]",
        "[a, b = 1 && c = 2]",
        "%(a+)+b%",
        "%[a%",
        "x" * 1025,
    ],
)
def test_a_pattern_that_aws_refuses_is_refused_with_a_reason(pattern: str) -> None:
    with pytest.raises(InvalidPattern, match=r"\w"):
        read_pattern(pattern)


def test_many_wildcards_take_no_time() -> None:
    pattern = read_pattern("{ $.x = " + "*a" * 400 + "*b }")
    began = time.process_time()
    assert pattern.match(json.dumps({"x": "a" * 100_000})) is None
    assert time.process_time() - began < 1
