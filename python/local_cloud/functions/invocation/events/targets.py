"""Where records of invocations and dead-lettered events go: SQS, SNS, S3, EventBridge, another function.

Each is called through the local cloud's own door, as Lambda calls them on AWS; IAM is not asked. What a
service refuses (a queue that is gone or FIFO, a message too large) is refused for good, as on AWS.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local_cloud.functions.invocation.events.records import Delivery
from local_cloud.sagemaker.errors import AwsError

KINDS: Final = ("sqs", "sns", "s3", "events", "lambda")
_WORKERS: Final = 4
_CONNECT_S: Final = 5
_READ_S: Final = 30
_DETAIL_TYPE: Final = "Lambda Function Invocation Result - "

InvokeFunction = Callable[[str, bytes], Awaitable[object]]
"""(ARN, event): an asynchronous invocation of another function. Raises AwsError."""


class DeliveryFailed(Exception):
    """A target did not take a message; the message says why."""


class Targets:
    """``close`` it: calls that run may end, none begins any more."""

    def __init__(self, url: str, region: str, account: str, invoke: InvokeFunction) -> None:
        self._url = url
        self._region = region
        self._account = account
        self._invoke = invoke
        self._clients: dict[tuple[str, str], Any] = {}
        self._making = threading.Lock()
        self._executor = ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="lambda-destinations")

    async def send(self, delivery: Delivery) -> None:
        """Raises DeliveryFailed."""
        fields = delivery.target.split(":", 5)
        service = fields[2] if len(fields) == 6 else ""
        if service not in KINDS:
            raise DeliveryFailed(
                f"{delivery.target} is no destination that the local cloud knows: {', '.join(KINDS)}"
            )
        try:
            if service == "lambda":
                await self._invoke(delivery.target, delivery.body.encode())
            else:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._executor, self._call, service, fields, delivery)
        except AwsError as error:
            raise DeliveryFailed(f"{delivery.target}: {error}") from error
        except (ClientError, BotoCoreError, OSError, RuntimeError) as error:
            raise DeliveryFailed(f"{delivery.target}: {error}") from error

    def close(self) -> None:
        """Let running calls end; take no new ones."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    # --- in a thread

    def _call(self, service: str, fields: list[str], delivery: Delivery) -> None:
        client = self._client(service, fields[3] or self._region)
        attributes = {
            name: {"DataType": kind, "StringValue": value}
            for name, (kind, value) in delivery.attributes.items()
        }
        if service == "sqs":
            owner = {"QueueOwnerAWSAccountId": fields[4]} if fields[4] != self._account else {}
            queue = client.get_queue_url(QueueName=fields[5], **owner)["QueueUrl"]
            client.send_message(QueueUrl=queue, MessageBody=delivery.body, MessageAttributes=attributes)
        elif service == "sns":
            client.publish(TopicArn=delivery.target, Message=delivery.body, MessageAttributes=attributes)
        elif service == "s3":
            client.put_object(
                Bucket=fields[5],
                Key=_object_key(delivery.function_name, datetime.now(UTC)),
                Body=delivery.body.encode(),
                ContentType="application/json",
            )
        else:
            _put_event(client, delivery)

    def _client(self, service: str, region: str) -> Any:
        with self._making:  # the one thing in boto3 that is not safe in several threads
            if (service, region) not in self._clients:
                session = boto3.Session(
                    aws_access_key_id="local", aws_secret_access_key="local", region_name=region
                )
                self._clients[service, region] = session.client(
                    service,  # type: ignore[call-overload]
                    endpoint_url=self._url,
                    config=Config(
                        connect_timeout=_CONNECT_S,
                        read_timeout=_READ_S,
                        retries={"total_max_attempts": 3, "mode": "standard"},
                        s3={"addressing_style": "path"},
                    ),
                )
            return self._clients[service, region]


def _put_event(client: Any, delivery: Delivery) -> None:
    answer = client.put_events(
        Entries=[
            {
                "Source": "lambda",
                "DetailType": _DETAIL_TYPE + ("Success" if delivery.succeeded else "Failure"),
                "Detail": delivery.body,
                "EventBusName": delivery.target,
                "Resources": [delivery.target, delivery.function_arn],
            }
        ]
    )
    if answer["FailedEntryCount"]:
        entry = answer["Entries"][0]
        raise DeliveryFailed(f"{delivery.target}: {entry.get('ErrorCode')}: {entry.get('ErrorMessage')}")


def _object_key(function: str, now: datetime) -> str:
    """Source: "Capturing records of Lambda asynchronous invocations", Lambda developer guide."""
    return f"aws/lambda/async/{function}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
