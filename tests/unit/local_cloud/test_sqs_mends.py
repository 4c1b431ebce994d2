"""SQS of the local cloud: no message is lost, however sending and deleting meet."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local_cloud.moto_gaps import mend


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    with mock_aws():
        mend("sqs")
        boto3.client("sqs", region_name="ap-northeast-2").create_queue(QueueName="notices")
        from moto.sqs.models import sqs_backends

        yield sqs_backends["123456789012"]["ap-northeast-2"].get_queue("notices")


class Message:
    """The least that a queue asks of a message. on_look: called when its receipt handle is asked for."""

    visible_at = delayed_until = 0
    all_receipt_handles = ("handle",)

    def __init__(self, on_look: Callable[[], None] | None = None) -> None:
        self._on_look = on_look

    def had_receipt_handle(self, handle: str) -> bool:
        if self._on_look is not None:
            self._on_look()
        return self._on_look is not None


def test_a_message_is_not_sent_into_a_list_that_is_being_replaced(queue: Any) -> None:
    sent, sending = Message(), []
    with ThreadPoolExecutor(1) as pool:

        def send_meanwhile() -> None:
            if not sending:
                sending.append(pool.submit(queue.add_message, sent))
                done, _ = wait(sending, timeout=0.3)
                assert not done, "it was sent while another was being deleted"

        queue.add_message(Message(send_meanwhile))
        queue.delete_message("handle")
        sending[0].result(timeout=10)
    assert queue._messages == [sent]
