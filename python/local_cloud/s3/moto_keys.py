"""moto's keys, holding contents instead of bytes."""

from __future__ import annotations

import copy
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from local_cloud.s3.content import Content
from local_cloud.s3.refusals import S3Refusal

_TRIES: Final = 100
_PAUSE_SECONDS: Final = 0.001
_thread = threading.local()


class Disposed(Exception):
    """A key was overwritten or deleted between being found and being read."""


def mend_keys(models: Any) -> None:
    """Keys hold contents. And moto lists every key ever made, so that nothing of a deleted one is freed."""
    init = models.FakeKey.__init__

    def __init__(self: Any, *arguments: Any, **named: Any) -> None:
        init(self, *arguments, **named)
        pending = getattr(_thread, "pending", None)
        if pending is not None and pending[0] == self.name:
            self.set_metadata(copy.deepcopy(pending[1]))  # moto takes entries out of what it is given

    def get_value(self: Any) -> Content | bytes:
        content: Content | None = self._content
        if not getattr(_thread, "contents", False):
            if content is None:
                raise ValueError("I/O operation on closed file.")  # as moto's own keys do
            return content.read()
        if content is None:
            raise Disposed
        return content

    def set_value(self: Any, value: Content | bytes | str) -> None:
        data = value.encode() if isinstance(value, str) else value
        self._content = data if isinstance(data, Content) else Content.of(data, len(data))
        self.contentsize = len(self._content)
        if self._etag is None:
            self._etag = self._content.md5()  # now, while nobody can have disposed of it

    def dispose(self: Any, garbage: bool = False) -> None:
        self._content = None
        self.disposed = True
        if getattr(self, "multipart", None) is not None:
            self.multipart.dispose()

    def __deepcopy__(self: Any, memo: Any) -> Any:
        # ListObjectVersions copies every key of a bucket; the bytes need not come along.
        twin = object.__new__(models.FakeKey)
        vars(twin).update(vars(self), multipart=None)  # or the twin's end would be the end of the parts
        return twin

    models.FakeKey._content = None
    models.FakeKey.value = property(get_value, set_value)
    add(models.FakeKey, __init__, __deepcopy__, dispose)
    for model in (models.FakeKey, models.FakeMultipart, models.FakeDeleteMarker):
        model.instances_tracked = deque(maxlen=0)


@contextmanager
def complete_from_the_start(key_name: str, metadata: Mapping[str, str]) -> Iterator[None]:
    """The next key of that name has its metadata when it is first seen. (moto adds them afterwards, and who
    reads in between would get an object without its content type.)"""
    before = getattr(_thread, "pending", None)
    _thread.pending = (key_name, metadata)
    try:
        yield
    finally:
        _thread.pending = before


@contextmanager
def values_are_contents() -> Iterator[None]:
    """Within it, keys give this thread their content as their value, and moto's code passes it along."""
    before = getattr(_thread, "contents", False)
    _thread.contents = True
    try:
        yield
    finally:
        _thread.contents = before


def whole(method: Callable[..., Any]) -> Callable[..., Any]:
    """``method`` with contents for values, again if a key that it reads is replaced at that very moment: what
    it reads is the old object or the new one."""

    def run(*arguments: Any, **named: Any) -> Any:
        for _ in range(_TRIES):
            try:
                with values_are_contents():
                    return method(*arguments, **named)
            except Disposed:
                time.sleep(_PAUSE_SECONDS)
        raise S3Refusal("SlowDown", "The object is overwritten faster than it can be read.", status=503)

    run.__name__ = method.__name__
    return run


def add(owner: Any, *functions: Callable[..., Any]) -> None:
    for function in functions:
        setattr(owner, function.__name__, function)
