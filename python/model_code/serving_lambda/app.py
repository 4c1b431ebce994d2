"""The module that ``awslambdaric`` imports, which is its init phase: the model is loaded once, before events.

What is raised here is reported to Lambda as the init error, under the name of its class.
"""

from __future__ import annotations

import gc
import os
from typing import Any

from serving.cpu import available_threads, pin_thread_pools
from serving.model_loader import load_model
from serving_contracts.errors import InvalidInput
from serving_lambda import runtime
from serving_lambda.environment import find_model, function_threads
from serving_lambda.function import Function, PayloadTooLarge


def start() -> Function:
    """Load the model of this environment; raise ModelLoadError or BadSetting, which say what is wrong."""
    runtime.adapt()
    threads = function_threads(os.environ, available_threads())
    pin_thread_pools(threads)
    # An execution environment has one request at a time: all threads belong to its one run.
    model = load_model(find_model(os.environ), threads, concurrent_runs=1)
    return Function(model, os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"))


gc.disable()  # imports and weights make much, and nothing of it is garbage
_function = start()
gc.freeze()  # nor need it be looked through again
gc.enable()


def handler(event: Any, context: Any) -> Any:
    """Answer one event; docs/lambda-functions.md lists the forms that events and answers have."""
    try:
        return _function.answer(event)
    except (InvalidInput, PayloadTooLarge) as error:
        raise runtime.refusal(error) from None
