from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from toys import BUCKET, REGION, Aws, World, build_toy_image, make_world

from local_cloud.hosting import Hosting


@pytest.fixture(scope="session")
def aws() -> Iterator[Aws]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    aws = Aws(f"http://{host}:{port}")
    aws.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield aws
    server.stop()


@pytest.fixture(scope="session")
def images(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, str]]:
    store = tmp_path_factory.mktemp("images")
    return store, build_toy_image(store, aws)


@pytest.fixture
def world(aws: Aws, images: tuple[Path, tuple[str, str]], tmp_path: Path) -> World:
    return make_world(aws, tmp_path, *images)


@pytest.fixture
async def hosting(world: World) -> AsyncIterator[Hosting]:
    hosting = Hosting(world.settings)
    yield hosting
    await hosting.close()
