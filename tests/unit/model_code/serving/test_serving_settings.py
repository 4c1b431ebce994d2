"""Settings are read once, and a wrong one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.settings import BadSetting, Settings


def test_the_defaults_are_those_of_sagemaker() -> None:
    settings = Settings.from_environment({})
    assert (settings.port, settings.model_dir, settings.host) == (8080, Path("/opt/ml/model"), "0.0.0.0")
    assert (settings.timeout_s, settings.drain_s, settings.max_body_bytes) == (60, 25, 26_214_400)
    assert settings.threads >= 1


def test_the_environment_is_read_and_an_empty_variable_is_none() -> None:
    settings = Settings.from_environment(
        {"SAGEMAKER_BIND_TO_PORT": "25001", "SERVING_MAX_BATCH": "8", "SERVING_MAX_QUEUE": " "}
    )
    assert (settings.port, settings.max_batch, settings.max_queue) == (25001, 8, 1024)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SAGEMAKER_BIND_TO_PORT", "http"),
        ("SAGEMAKER_BIND_TO_PORT", "70000"),
        ("SERVING_THREADS", "0"),
        ("SERVING_MAX_BATCH", "2.5"),
        ("SERVING_TIMEOUT_SECONDS", "0"),
        ("SERVING_TIMEOUT_SECONDS", "nan"),
        ("SERVING_LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"{name}='{value}' is not usable: set"):
        Settings.from_environment({name: value})
