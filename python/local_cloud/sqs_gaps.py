"""Where moto's SQS is too slow for a queue of notices that nobody empties for a while, or loses one."""

from __future__ import annotations

import threading
from typing import Any

from local_cloud.moto_patch import patch

_sending = threading.local()


def mend() -> None:
    """Both mends."""
    _mend_deleting()
    _mend_counting()


def _mend_deleting() -> None:
    """Deleting a message. moto puts a new list in place of the old one, and what another thread sends
    meanwhile goes into the old one: lost. It locks while it sends; so it does now while it deletes."""
    from moto.sqs.models import Queue

    delete = Queue.delete_message

    def delete_message(self: Any, receipt_handle: str) -> None:
        with self._messages_lock:
            delete(self, receipt_handle)

    patch(Queue, delete_message)


def _mend_counting() -> None:
    """Counting the messages of a queue. moto does so three times for each message that is sent, only to
    forget the figures, and asks the clock twice for each message that it counts: with a thousand of them,
    sending one more takes tens of milliseconds."""
    from moto.core.utils import unix_time_millis
    from moto.sqs.models import Queue, SQSBackend

    send = SQSBackend.send_message

    def send_message(self: Any, *arguments: Any, **named: Any) -> Any:
        _sending.now = True
        try:
            return send(self, *arguments, **named)
        finally:
            _sending.now = False

    def count(self: Any) -> Any:
        return () if getattr(_sending, "now", False) else list(self._messages)

    def messages(self: Any) -> list[Any]:
        now = unix_time_millis()
        return [m for m in list(self._messages) if m.visible_at < now and m.delayed_until <= now]

    def visible(self: Any) -> int:
        return 0 if getattr(_sending, "now", False) else len(self.messages)

    def not_visible(self: Any) -> int:
        now = unix_time_millis()
        return sum(m.visible_at >= now for m in count(self))

    def delayed(self: Any) -> int:
        now = unix_time_millis()
        return sum(m.delayed_until > now for m in count(self))

    patch(SQSBackend, send_message)
    for name, function in (
        ("messages", messages),
        ("approximate_number_of_messages", visible),
        ("approximate_number_of_messages_not_visible", not_visible),
        ("approximate_number_of_messages_delayed", delayed),
    ):
        setattr(Queue, name, property(function))
