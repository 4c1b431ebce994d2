"""A stand-in of S3 is not in every environment that these tests run in."""

from importlib.util import find_spec

collect_ignore = ["test_vision_s3_weights.py"] if find_spec("moto") is None else []
