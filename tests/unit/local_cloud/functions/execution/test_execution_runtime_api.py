"""The Runtime API answers its runtime, and no web page that finds its port."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, ClientTimeout

from local_cloud.functions.execution.runtime_api import Delivery, RuntimeApi

NEXT = "/2018-06-01/runtime/invocation/next"
INIT_ERROR = "/2018-06-01/runtime/init/error"


@pytest.fixture
async def api() -> AsyncIterator[RuntimeApi]:
    api = RuntimeApi()
    await api.start()
    yield api
    await api.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://page.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"sec-fetch-site": "none"},
        {"Host": "rebound.example:80"},
    ],
)
async def test_a_page_takes_no_event_and_ends_no_init(api: RuntimeApi, headers: dict[str, str]) -> None:
    url = f"http://{api.address}"
    async with ClientSession(timeout=ClientTimeout(total=5)) as page:
        assert (await page.get(url + NEXT, headers=headers)).status == 403
        assert (await page.post(url + INIT_ERROR, data=b"{}", headers=headers)).status == 403
        assert not api.initialised.done()
        answer = api.deliver(Delivery("r1", b'{"a": 1}', {"Lambda-Runtime-Aws-Request-Id": "r1"}))
        assert (await page.get(url + NEXT, headers=headers)).status == 403
        assert not api.fetched
        taken = await page.get(url + NEXT)  # as the runtime asks
        assert (taken.status, await taken.read(), api.fetched) == (200, b'{"a": 1}', True)
        response = f"{url}/2018-06-01/runtime/invocation/r1/response"
        assert (await page.post(response, data=b"1", headers=headers)).status == 403
        assert not answer.done()
        assert (await page.post(response, data=b"2")).status == 202
    assert (await answer).payload == b"2"
