from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from cloud_under_test import Cloud, push_toy_image
from lambda_under_test import FunctionCloud, push_toy_runtime

from local_cloud import lifecycle


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One local cloud, started as ``invoke local.up`` starts it, for all contract tests."""
    root = tmp_path_factory.mktemp("local")
    directory = root / "cloud"
    info = lifecycle.up(directory, port=0)
    try:
        bare = Cloud(info, directory)
        yield dataclasses.replace(bare, image=push_toy_image(bare, root / "images"))
    finally:
        lifecycle.down(directory)


@pytest.fixture(scope="session")
def function_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FunctionCloud]:
    """A local cloud in which minutes of waiting are seconds, with the toy runtime's image."""
    root = tmp_path_factory.mktemp("functions")
    directory = root / "cloud"
    info = lifecycle.up(directory, port=0, time_scale=60)
    try:
        image = push_toy_runtime(Cloud(info, directory), root / "images")
        yield FunctionCloud(info, directory, image)
    finally:
        lifecycle.down(directory)


@pytest.fixture(scope="session")
def direct_endpoint(cloud: Cloud) -> str:
    """An endpoint with the containers ``first`` and ``second`` in Direct mode."""
    model = cloud.create_model(cloud.container("first"), cloud.container("second"), mode="Direct")
    return cloud.create_endpoint(cloud.create_config(model))
