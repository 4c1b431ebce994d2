from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from toys import REGION, World

from local_cloud.hosting.aws import Aws
from local_cloud.hosting.model_data import ModelDataCache, ModelDataFailed


@pytest.fixture
async def cache(world: World, tmp_path: Path) -> AsyncIterator[ModelDataCache]:
    aws = Aws(world.aws.url, REGION)
    yield ModelDataCache(tmp_path / "cache", aws, cache_bytes=10)
    aws.close()


async def test_containers_share_one_copy(world: World, cache: ModelDataCache) -> None:
    url = world.put_archive("shared.tar.gz", {"w": b"1"})
    first, second = await asyncio.gather(cache.acquire(url, "a", 30), cache.acquire(url, "b", 30))
    assert first.path == second.path
    assert (first.path / "w").read_bytes() == b"1"


async def test_a_new_upload_is_a_new_model_and_the_old_one_stays_while_used(
    world: World, cache: ModelDataCache
) -> None:
    url = world.put_archive("changing.tar.gz", {"w": b"old"})
    old = await cache.acquire(url, "a", 30)
    world.put_archive("changing.tar.gz", {"w": b"new"})
    new = await cache.acquire(url, "a", 30)
    assert ((old.path / "w").read_bytes(), (new.path / "w").read_bytes()) == (b"old", b"new")


async def test_unused_models_leave_when_the_cache_is_full(world: World, cache: ModelDataCache) -> None:
    first = await cache.acquire(world.put_archive("one.tar.gz", {"w": b"x" * 100}), "a", 30)
    first.release()
    first.release()  # harmless
    second = await cache.acquire(world.put_archive("two.tar.gz", {"w": b"y" * 100}), "a", 30)
    assert not first.path.exists()
    assert second.path.exists()


async def test_a_model_without_data_gets_an_empty_folder(cache: ModelDataCache) -> None:
    model = await cache.acquire(None, "a", 30)
    assert list(model.path.iterdir()) == []


async def test_a_download_that_takes_too_long_says_so(world: World, cache: ModelDataCache) -> None:
    url = world.put_archive("slow.tar.gz", {"w": b"1"})
    with pytest.raises(ModelDataFailed, match="the download took more than 1e-06 s"):
        await cache.acquire(url, "a", 1e-6)


@pytest.mark.parametrize("url", ["s3://bucket-only", "https://example.com/model.tar.gz", "s3:///key"])
async def test_what_is_no_s3_url_is_refused(cache: ModelDataCache, url: str) -> None:
    with pytest.raises(ModelDataFailed, match="write s3://"):
        await cache.acquire(url, "a", 30)
