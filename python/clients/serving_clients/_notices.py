"""Notices of ended jobs, from the SQS queue that all clients of an environment share.

A notice of one's own is deleted. One of a job that this process does not know is made visible again, after a
pause that grows with each receipt, so that its owner finds it and nobody spins on it. One that was received
many times is nobody's (who submitted it has gone, or looked at S3) and is deleted.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from serving_clients._deadline import Deadline
from serving_clients._job_failures import is_expiry
from serving_clients.errors import AccessDenied, InvalidRequest, ServingError
from serving_contracts import limits

if TYPE_CHECKING:
    from serving_clients._connection import Connection
    from serving_clients._waiter import Waiter

SERVICE: Final = "sqs"
POLL_SECONDS: Final = (
    10  # of the 20 that SQS allows: a poll that nobody waits for any more takes others' notices
)
HANDLING_SECONDS: Final = 15  # a notice comes back by itself where its receiver dies
CALL_SECONDS: Final = 15.0
LONGEST_RETURN_SECONDS: Final = 30
RECEIPTS: Final = 20
"""With the pauses between them about eight minutes: whoever waits has polled by then."""
STALE_SECONDS: Final = 3600.0
STALE_RECEIPTS: Final = 3
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0

_log = logging.getLogger("serving_clients")


@dataclass(frozen=True, slots=True)
class Notice:
    """That a job has ended. output: its location where it completed. reason: why it failed."""

    inference_id: str
    input: str
    failed: bool
    output: str | None = None
    reason: str | None = None

    @property
    def expired(self) -> bool:
        """Whether it failed because it waited too long."""
        return self.failed and is_expiry(self.reason)


def parse(body: str) -> Notice | None:
    """SageMaker's message, as SNS hands it to SQS, wrapped or raw; None for anything else."""
    message = _an_object(body)
    if isinstance(message.get("Message"), str) and "invocationStatus" not in message:
        message = _an_object(message["Message"])
    status, inference_id = message.get("invocationStatus"), message.get("inferenceId")
    asked, answered = message.get("requestParameters"), message.get("responseParameters")
    if not isinstance(status, str) or not isinstance(inference_id, str):
        return None
    place = asked.get("inputLocation") if isinstance(asked, dict) else None
    output = answered.get("outputLocation") if isinstance(answered, dict) else None
    reason = message.get("failureReason")
    return Notice(
        inference_id=inference_id,
        input=place if isinstance(place, str) else "",
        failed=status != "Completed",
        output=output if isinstance(output, str) else None,
        reason=reason if isinstance(reason, str) and reason else None,
    )


class NoticeReader:
    """Receives notices while anybody waits. usable: False once the queue turned out to be closed to us."""

    def __init__(self, connection: Connection, queue_url: str, waiter: Waiter) -> None:
        self._connection = connection
        self._queue_url = queue_url
        self._waiter = waiter
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._poll: Deadline | None = None
        self._closed = False
        self.usable = True

    def start(self) -> None:
        """Receive, from now until nobody waits."""
        with self._lock:
            if self._thread is None and self.usable and not self._closed:
                self._thread = threading.Thread(
                    target=self._receive_on, name="serving-clients-notices", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """End the poll that runs: within half a second."""
        with self._lock:
            self._closed = True
            if self._poll is not None:
                self._poll.cancel()

    def _receive_on(self) -> None:
        failures = 0
        while self._goes_on():
            try:
                messages = self._receive()
                failures = 0
            except (AccessDenied, InvalidRequest) as error:
                self._give_up(error)
            except ServingError as error:
                failures += 1
                _log.debug("no notices from %s: %s", self._queue_url, error)
                ceiling = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 10))
                self._waiter.pause(random.uniform(0.5, 1.0) * ceiling)
            else:
                self._sort(messages)

    def _goes_on(self) -> bool:
        with self._lock:  # start() must see the thread gone, or running on
            if self.usable and not self._closed and self._waiter.wanted():
                self._poll = Deadline(POLL_SECONDS + CALL_SECONDS)
                return True
            self._thread = self._poll = None
            return False

    def _receive(self) -> list[dict[str, Any]]:
        assert self._poll is not None
        answer = self._call(
            "receive_message",
            "sqs:ReceiveMessage",
            self._poll,
            MaxNumberOfMessages=limits.SQS_BATCH_MESSAGES,
            WaitTimeSeconds=POLL_SECONDS,
            VisibilityTimeout=HANDLING_SECONDS,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
        )
        return list(answer.get("Messages") or [])

    def _give_up(self, error: ServingError) -> None:
        self.usable = False
        _log.warning("no notices from %s, so S3 is polled for jobs: %s", self._queue_url, error)
        self._waiter.look_now()

    def _sort(self, messages: list[dict[str, Any]]) -> None:
        done, returned = [], []
        for message in messages:
            notice = parse(message.get("Body", ""))
            if (notice is not None and self._waiter.hear(notice)) or is_nobodys(
                message.get("Attributes", {})
            ):
                done.append({"ReceiptHandle": message["ReceiptHandle"]})
            else:
                seconds = pause_before_return(_count(message.get("Attributes", {})))
                returned.append({"ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": seconds})
        self._settle("delete_message_batch", "sqs:DeleteMessage", done)
        self._settle("change_message_visibility_batch", "sqs:ChangeMessageVisibility", returned)

    def _settle(self, operation: str, action: str, entries: list[dict[str, Any]]) -> None:
        if not entries:
            return
        numbered = [{"Id": str(number), **entry} for number, entry in enumerate(entries)]
        try:
            self._call(operation, action, Deadline(CALL_SECONDS), Entries=numbered)
        except ServingError as error:  # it comes back by itself, and coming twice does no harm
            _log.debug("%s at %s: %s", operation, self._queue_url, error)

    def _call(self, operation: str, action: str, deadline: Deadline, **parameters: Any) -> dict[str, Any]:
        return self._connection.call(
            SERVICE,
            operation,
            {"QueueUrl": self._queue_url, **parameters},
            deadline,
            action=action,
            subject=f"the queue {self._queue_url}",
        )


def pause_before_return(receipts: int) -> int:
    """Seconds for which a foreign notice stays invisible: one at first, so that its owner soon finds it."""
    longest = min(float(LONGEST_RETURN_SECONDS), 2.0 ** min(receipts - 1, 10))
    return max(1, round(random.uniform(0.5, 1.0) * longest))


def is_nobodys(attributes: Mapping[str, str]) -> bool:
    """Whether a notice that is not ours has been around for so long that nobody will want it."""
    receipts = _count(attributes)
    sent = attributes.get("SentTimestamp", "")
    age = time.time() - int(sent) / 1000.0 if sent.isdigit() else 0.0
    return receipts >= RECEIPTS or (receipts >= STALE_RECEIPTS and age > STALE_SECONDS)


def _count(attributes: Mapping[str, str]) -> int:
    text = attributes.get("ApproximateReceiveCount", "")
    return int(text) if text.isdigit() else 1


def _an_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
