from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from cloud_under_test import Cloud, push_toy_image

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
def direct_endpoint(cloud: Cloud) -> str:
    """An endpoint with the containers ``first`` and ``second`` in Direct mode."""
    model = cloud.create_model(cloud.container("first"), cloud.container("second"), mode="Direct")
    return cloud.create_endpoint(cloud.create_config(model))
