"""Two hundred requests at once where twenty may run: the rest is throttled as AWS words it, and the client
library's retries bring all of them through."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from deployed import SENTENCES, Deployment
from functions import function_of

from serving_clients import EndpointClient, FunctionClient

pytestmark = pytest.mark.timeout(300)

REQUESTS = 200
AT_ONCE = 20
LABELS = ("Pos", "Neg")


def patient(deployment: Deployment, service: str) -> Any:
    """boto3 with room for every connection and no retries of its own."""
    return boto3.client(
        service,
        endpoint_url=deployment.url,
        region_name="ap-northeast-2",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(read_timeout=120, retries={"total_max_attempts": 1}, max_pool_connections=REQUESTS),
    )


def all_at_once(ask: Callable[[int], str]) -> Counter[str]:
    """``ask(number)`` from as many threads as there are requests; how often each outcome came."""
    barrier = Barrier(REQUESTS)

    def one(number: int) -> str:
        barrier.wait(timeout=60)
        try:
            return "right" if ask(number) == LABELS[number % 2] else "wrong"
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            reason = error.response.get("Reason", "")
            return f"{error.response['Error']['Code']} {status} {reason}".strip()

    with ThreadPoolExecutor(REQUESTS) as pool:
        return Counter(pool.map(one, range(REQUESTS)))


@pytest.fixture(scope="module")
def serverless(deployment: Deployment) -> Iterator[str]:
    """The deployed serverless sentiment model on an endpoint with room for twenty."""
    sagemaker = deployment.client("sagemaker")
    deployed = sagemaker.describe_endpoint(EndpointName="serving-local-sentiment-serverless")
    configuration = sagemaker.describe_endpoint_config(EndpointConfigName=deployed["EndpointConfigName"])
    model = configuration["ProductionVariants"][0]["ModelName"]
    name = "e2e-two-hundred"
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "blue",
                "ModelName": model,
                "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": AT_ONCE},
            }
        ],
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    try:
        sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 90}
        )
        yield name
    finally:
        sagemaker.delete_endpoint(EndpointName=name)
        sagemaker.delete_endpoint_config(EndpointConfigName=name)


@pytest.fixture(scope="module")
def function(deployment: Deployment) -> Iterator[str]:
    """The deployed sentiment function's image, with twenty reserved environments."""
    client = deployment.client("lambda")
    deployed = client.get_function(FunctionName="serving-local-sentiment-function", Qualifier="live")
    with function_of(deployment, deployed["Code"]["ImageUri"], MemorySize=1769, Timeout=60) as name:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=AT_ONCE)
        yield name


def test_a_serverless_endpoint_throttles_what_is_over_its_max_concurrency(
    deployment: Deployment, serverless: str
) -> None:
    runtime = patient(deployment, "sagemaker-runtime")

    def ask(number: int) -> str:
        answer = runtime.invoke_endpoint(
            EndpointName=serverless,
            ContentType="application/json",
            Body=json.dumps({"text": SENTENCES[number % 2]}),
        )
        return str(json.load(answer["Body"])["predicted_label"])

    outcomes = all_at_once(ask)
    print(outcomes)
    assert set(outcomes) == {"right", "ThrottlingException 400"}
    assert outcomes["right"] >= AT_ONCE


def test_with_the_clients_retries_all_of_them_succeed_on_a_serverless_endpoint(
    deployment: Deployment, serverless: str
) -> None:
    with EndpointClient(
        serverless, env="local", endpoint_url=deployment.url, timeout=120, concurrency=REQUESTS
    ) as client:
        outcomes = all_at_once(lambda number: client.sentiment(SENTENCES[number % 2]).predicted_label)
    assert outcomes == {"right": REQUESTS}


def test_a_function_throttles_what_is_over_its_reserved_concurrency(
    deployment: Deployment, function: str
) -> None:
    client = patient(deployment, "lambda")

    def ask(number: int) -> str:
        event = {"text": SENTENCES[number % 2]}
        answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
        return str(json.load(answer["Payload"])["predicted_label"])

    outcomes = all_at_once(ask)
    print(outcomes)
    throttled = "TooManyRequestsException 429 ReservedFunctionConcurrentInvocationLimitExceeded"
    assert set(outcomes) == {"right", throttled}
    assert outcomes["right"] >= AT_ONCE


def test_with_the_clients_retries_all_of_them_succeed_on_a_function(
    deployment: Deployment, function: str
) -> None:
    with FunctionClient(
        function,
        qualifier="$LATEST",
        env="local",
        endpoint_url=deployment.url,
        timeout=120,
        concurrency=REQUESTS,
    ) as client:
        outcomes = all_at_once(lambda number: client.sentiment(SENTENCES[number % 2]).predicted_label)
    assert outcomes == {"right": REQUESTS}
