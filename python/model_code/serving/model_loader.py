"""Loading what a model archive brings: ``model.toml`` and ``code/handler.py``.

A handler has a function ``load(model_dir: Path, threads: int) -> model``. The model has

* ``predict(items: Sequence) -> Sequence`` of answers, one an item, in order;
* optionally ``prepare(request) -> item``: cheap work done while the model is busy with others, such as
  tokenising; may raise ``InvalidInput``; it runs on the event loop for small bodies and must never wait for
  anything;
* optionally ``size(item) -> int``: what an item costs, such as its number of tokens; batches are made of
  like sizes.

``MAX_BATCH = 1`` in ``handler.py`` says how many items ``predict`` takes at most; without it the server's
setting alone counts.

``THREAD_SAFE = True`` in ``handler.py`` promises that ``predict`` may run in several threads at once
(sessions of ONNX Runtime may). The server then runs it in one thread a core, and tells ``load`` to use one
thread a run.

Requests and answers are the types of the task that ``model.toml`` names. A request of a media task is a
:class:`~serving_contracts.media.MediaRequest`, and its answer may be a
:class:`~serving_contracts.media.MediaAnswer`; ``prepare`` then always runs in a thread of its own.

An archive without ``code/handler.py`` but with ``code/inference.py`` is a classic SageMaker script: see
:mod:`serving.classic_script`.
"""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from serving_contracts.task_types import TASK_NAMES, MediaTask, Task, load_task

AnyTask: TypeAlias = Task[Any, Any] | MediaTask[Any, Any]


class ModelLoadError(Exception):
    """The archive cannot be served; the message says what is wrong with it and what to do."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to answer.

    ``task`` is None for a classic script, which reads bodies by itself. ``max_batch``: the most items that
    ``predict`` takes; None for any number.
    """

    name: str
    task: AnyTask | None
    predict: Callable[[Sequence[Any]], Sequence[Any]]
    prepare: Callable[[Any], Any] | None = None
    size: Callable[[Any], int] | None = None
    concurrent_runs: int = 1
    max_batch: int | None = None


def load_model(model_dir: Path, threads: int, concurrent_runs: int | None = None) -> LoadedModel:
    """Import the handler of ``model_dir`` and let it load its weights; raise :class:`ModelLoadError`.

    ``threads`` are shared by ``concurrent_runs``: as many as threads when None, 1 where the handler does not
    promise to be thread-safe.
    """
    code = model_dir / "code"
    if (code / "handler.py").is_file():
        name, task = _read_manifest(model_dir)
        module = _import_script(code / "handler.py")
        runs = (concurrent_runs or threads) if getattr(module, "THREAD_SAFE", False) is True else 1
        model = _call_load(module, model_dir, max(1, threads // runs))
        return replace(_checked(name, task, model, runs), max_batch=_max_batch(module))
    if (code / "inference.py").is_file():
        return _load_classic(code / "inference.py", model_dir)
    if not model_dir.is_dir():
        raise ModelLoadError(
            f"There is no model: {model_dir} does not exist. Set SERVING_MODEL_DIR, or ModelDataUrl."
        )
    found = ", ".join(sorted(path.name for path in model_dir.iterdir())) or "nothing"
    raise ModelLoadError(f"{model_dir} has neither code/handler.py nor code/inference.py; it holds {found}.")


def _load_classic(script: Path, model_dir: Path) -> LoadedModel:
    from serving.classic_script import ClassicScript

    module = _import_script(script)
    if not callable(getattr(module, "model_fn", None)):
        raise ModelLoadError("inference.py has no function model_fn(model_dir).")
    try:
        return LoadedModel(name="inference.py", task=None, predict=ClassicScript(module, model_dir).predict)
    except Exception as error:
        raise ModelLoadError(f"model_fn() of inference.py failed: {_describe(error)}.") from error


def _import_script(path: Path) -> ModuleType:
    """Import ``path`` under its stem, with its folder first on ``sys.path`` so that it finds its helpers."""
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ModelLoadError(f"{path} is no Python module.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ModelLoadError(f"{path.name} cannot be imported: {_describe(error)}.") from error
    return module


def _read_manifest(model_dir: Path) -> tuple[str, AnyTask]:
    path = model_dir / "model.toml"
    try:
        manifest = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelLoadError(f"{path} is missing: it names the model and its task.") from error
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{path} cannot be read: {_describe(error)}.") from error
    model = manifest.get("model")
    task = model.get("task") if isinstance(model, dict) else None
    if not isinstance(model, dict) or not isinstance(task, str) or task not in TASK_NAMES:
        raise ModelLoadError(f"{path}: [model] task is {task!r}; it must be one of {', '.join(TASK_NAMES)}.")
    return str(model.get("name", task)), load_task(task)


def _call_load(module: ModuleType, model_dir: Path, threads: int) -> Any:
    load = getattr(module, "load", None)
    if not callable(load):
        raise ModelLoadError("handler.py has no function load(model_dir, threads).")
    try:
        return load(model_dir, threads)
    except Exception as error:
        raise ModelLoadError(f"load() of handler.py failed: {_describe(error)}.") from error


def _checked(name: str, task: AnyTask, model: Any, runs: int) -> LoadedModel:
    methods: dict[str, Callable[..., Any] | None] = {}
    for method in ("predict", "prepare", "size"):
        methods[method] = getattr(model, method, None)
        if methods[method] is not None and not callable(methods[method]):
            raise ModelLoadError(f"The model that load() returned has a {method} that is no function.")
    predict = methods["predict"]
    if predict is None:
        raise ModelLoadError(
            f"load() of handler.py returned {type(model).__name__}, which has no predict(items)."
        )
    return LoadedModel(name, task, predict, methods["prepare"], methods["size"], runs)


def _max_batch(module: ModuleType) -> int | None:
    most = getattr(module, "MAX_BATCH", None)
    if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
        raise ModelLoadError(f"MAX_BATCH of handler.py is {most!r}; it must be a whole number above 0.")
    return most


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(".: ")
