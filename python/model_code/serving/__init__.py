"""The inference server that every SageMaker image of this platform runs.

``python -m serving serve`` answers ``GET /ping``, ``POST /invocations`` and ``GET /metrics`` on the port that
SageMaker names. What a model brings is described in :mod:`serving.model_loader`; how requests become
batches in :mod:`serving.batching`.
"""
