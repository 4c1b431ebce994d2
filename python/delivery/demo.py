"""``make demo``: deploy to a local cloud, then ask every container and function something and show what it
says, and how fast; then let an asynchronous endpoint wake from zero instances, work and go back to zero.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from delivery.callers import client_of, connect, request_body
from delivery.demo_async import print_async_demo, segment_everything
from delivery.demo_cold import print_cold_starts, wake_everything
from delivery.demo_photos import detect_everything, print_photo_demo
from delivery.deploy import deploy
from delivery.errors import DeliveryError
from delivery.smoke import readable_answer, readable_request
from delivery.steps import Job
from serving_contracts.tasks import find_task

CALLS = 20

REQUESTS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "sentiment": (
        {"text": "배우들의 연기가 훌륭하고 이야기도 탄탄해서 두 시간이 금방 지나갔어요."},
        {"text": "기대하고 봤는데 지루하고 억지스러워서 중간에 나왔습니다."},
    ),
    "similarity": (
        {"texts": ["한 남자가 기타를 치고 있다.", "남자가 기타를 연주한다."]},
        {"texts": ["한 남자가 기타를 치고 있다.", "주식 시장이 오늘 크게 떨어졌다."]},
    ),
    "summarization": (
        {
            "text": "서울시는 내년부터 시내버스 노선을 대폭 개편한다고 밝혔다. "
            "이번 개편은 20년 만에 이루어지는 것으로, 출퇴근 시간의 혼잡을 줄이는 것이 목표다. "
            "시는 시민 의견을 듣기 위해 다음 달까지 공청회를 연다. "
            "새 노선은 지하철역과의 환승을 쉽게 하는 데 초점을 맞추었다. "
            "일부 주민은 기존 노선이 없어지는 것을 걱정하고 있다. "
            "시는 불편이 생기는 지역에 마을버스를 늘리겠다고 설명했다.",
            "max_sentences": 2,
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Answered:
    """One question to one container or function. Latencies in milliseconds, seen by the caller, one call
    after the other.
    """

    pattern: str
    endpoint: str
    container: str
    task: str
    request: Mapping[str, Any]
    answer: Mapping[str, Any]
    first_ms: float
    p50_ms: float
    max_ms: float
    calls: int

    @property
    def place(self) -> str:
        """Endpoint and, where it has several, container."""
        return f"{self.endpoint}/{self.container}" if self.container else self.endpoint


def run_demo(job: Job) -> None:
    """Deploys to the local cloud, asks, prints a table, writes ``.local/demo.json`` and says how to go on."""
    reporter, project = job.reporter, job.environment.project
    started_at, started = datetime.now(UTC), time.monotonic()
    deploy(job, confirm=lambda _: True)
    deployed_s = time.monotonic() - started
    with reporter.step("demo", "asking everything through the client library") as step:
        answered = ask_everything(job)
        step.outcome = f"{len(answered)} questions, {CALLS} calls each"
    _print_table(job, answered)
    pictures = project.local_dir / "demo"
    pictures.mkdir(parents=True, exist_ok=True)
    photos = detect_everything(job, pictures)
    if photos is not None:
        print_photo_demo(job, photos)
    asynchronous = segment_everything(job, pictures)
    if asynchronous is not None:
        print_async_demo(job, asynchronous)
        reporter.say(f"\nThe files, as sent and with what was found in them: {project.show(pictures)}/")
    woken = wake_everything(job, REQUESTS)
    if woken:
        print_cold_starts(job, woken)
    url = job.environment.local_cloud().url
    document = {
        "started_at": started_at.isoformat(timespec="seconds"),
        "deploy_seconds": round(deployed_s, 1),
        "total_seconds": round(time.monotonic() - started, 1),
        "url": url,
        "answers": [asdict(item) for item in answered],
        "photos": asdict(photos) if photos is not None else None,
        "asynchronous": asdict(asynchronous) if asynchronous is not None else None,
        "cold_starts": [asdict(item) for item in woken],
    }
    path = project.local_dir / "demo.json"
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    reporter.say(_HOW_TO_GO_ON.format(url=url, result=project.show(path)))


_HOW_TO_GO_ON = """
The same is in {result}. The local cloud keeps running at {url}

  call it     .venv/bin/python -c 'from serving_clients import connect; print(connect().sentiment("좋아요"))'
              or with anything that speaks to AWS: export AWS_ENDPOINT_URL={url}
  look at it  .venv/bin/invoke local.status · local.logs · smoke · --list
  stop it     make down"""


def ask_everything(job: Job) -> list[Answered]:
    """Asks each container and function of the catalog that serves a task known here.

    Raises:
        DeliveryError: nothing is deployed.
    """
    answered = []
    for name, endpoint in sorted(connect(job.environment).catalog.endpoints.items()):
        client = client_of(job.environment, endpoint)
        for hostname, entry in sorted(endpoint.containers.items()):
            if entry.task not in endpoint.tasks:
                continue
            target = hostname if endpoint.mode == "Direct" else None
            for request in REQUESTS.get(entry.task, ()):
                answered.append(_ask(client, endpoint.pattern, name, target, entry.task, request))
    if not answered:
        raise DeliveryError(
            "Nothing is deployed that could be asked.", next_step="see terraform/envs/local/terraform.tfvars"
        )
    return answered


def _ask(
    client: Any, pattern: str, endpoint: str, target: str | None, task: str, request: Mapping[str, Any]
) -> Answered:
    contract = find_task(task)
    body = request_body(contract, request)
    options = {"target_container": target} if target else {}
    seconds = []
    for _ in range(CALLS):
        started = time.perf_counter()
        response = client.invoke(body, content_type="application/json", **options)
        seconds.append(time.perf_counter() - started)
    milliseconds = [1000 * value for value in seconds]
    return Answered(
        pattern=pattern,
        endpoint=endpoint,
        container=target or "",
        task=task,
        request=request,
        answer=contract.dump_answer(contract.parse_answer(json.loads(response.body))),
        first_ms=round(milliseconds[0], 2),
        p50_ms=round(statistics.median(milliseconds), 2),
        max_ms=round(max(milliseconds), 2),
        calls=CALLS,
    )


def _print_table(job: Job, answered: Sequence[Answered]) -> None:
    table = Table(pad_edge=False, show_lines=False)
    for heading, ratio in (("asked of", None), ("request", 5), ("answer", 4)):
        table.add_column(heading, ratio=ratio, overflow="fold")
    for heading in ("first ms", "p50 ms"):
        table.add_column(heading, justify="right")
    for item in answered:
        table.add_row(
            item.place,
            readable_request(item.request),
            readable_answer(item.answer),
            f"{item.first_ms:.1f}",
            f"{item.p50_ms:.1f}",
        )
    job.reporter.console.print(table, soft_wrap=False)
