"""Asynchronous invocations: a queue on disk, attempts with pauses, and what is told of their end."""

from local_cloud.functions.invocation.events.service import AsyncEvents, BacklogFull

__all__ = ["AsyncEvents", "BacklogFull"]
