"""Catalogs in moto's SSM, as a deployment publishes them."""

from __future__ import annotations

import functools
import json
from typing import Any

import boto3
from runtime_stand_in import ENDPOINT

REGION = "ap-northeast-2"


def catalog(environment: str = "local", **endpoints: Any) -> str:
    tasks = ("sentiment", "similarity", "summarization")
    korean_nlp = {
        "pattern": "multi_container",
        "endpoint_name": ENDPOINT,
        "mode": "Direct",
        "variants": ["blue"],
        "containers": {task: {"task": task, "model": task} for task in tasks},
    }
    return json.dumps(
        {
            "version": 1,
            "environment": environment,
            "region": REGION,
            "endpoints": endpoints or {"korean-nlp": korean_nlp},
        }
    )


def publish(moto_url: str, environment: str, value: str) -> None:
    name = f"/serving/{environment}/catalog"
    _ssm(moto_url).put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


@functools.cache
def _ssm(moto_url: str) -> Any:
    return boto3.client("ssm", endpoint_url=moto_url, region_name=REGION)
