"""Jobs survive what instances do not: killed containers, a removed instance, a restart of hosting."""

from __future__ import annotations

import collections
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from asynchronous import (
    SCORES_ITS_TEXT,
    AsyncEndpoint,
    Submitted,
    make_async_endpoint,
    remove_async_endpoint,
    wait_for,
)
from deployed import Deployment

JOBS = 300
KILLS = 5


@pytest.mark.timeout(240)
def test_300_jobs_survive_five_killed_containers_and_a_removed_instance(deployment: Deployment) -> None:
    endpoint = make_async_endpoint(
        deployment,
        SCORES_ITS_TEXT,
        instances=2,
        concurrency=2,
        environment={"SECONDS_A_REQUEST": "0.03", "SERVING_MAX_BATCH": "1"},
    )
    try:
        with ThreadPoolExecutor(8) as pool:
            jobs = list(pool.map(lambda number: endpoint.ask(str(number)), range(JOBS)))
        killed = _disturb(endpoint)
        assert killed == KILLS
        results = [endpoint.outcome(job, within_s=120) for job in jobs]
        wrong = [
            (number, kind, body)
            for number, (kind, body) in enumerate(results)
            if kind != "output" or json.loads(body) != {"predicted_label": "Pos", "score": number / 1000}
        ]
        assert not wrong
        _check_notices(endpoint, jobs)
        assert wait_for(lambda: _backlog(endpoint) == 0, 10, "an empty backlog")
    finally:
        remove_async_endpoint(endpoint)


def _disturb(endpoint: AsyncEndpoint) -> int:
    """SIGKILL five times, each time a container that is up; halfway an instance is taken away."""
    killed = 0
    for round_ in range(KILLS):
        pids = wait_for(lambda: _pids(endpoint), 30, "a container that is up")
        os.kill(pids[round_ % len(pids)], signal.SIGKILL)
        gone = pids[round_ % len(pids)]
        killed += 1
        wait_for(lambda gone=gone: gone not in _pids(endpoint), 10, "the end of the container")
        if round_ == KILLS // 2:
            endpoint.set_instances(1)
    return killed


def _pids(endpoint: AsyncEndpoint) -> list[int]:
    return [c["pid"] for c in endpoint.containers() if c["status"] == "Healthy" and c["pid"]]


def _check_notices(endpoint: AsyncEndpoint, jobs: list[Submitted]) -> None:
    counted: collections.Counter[str] = collections.Counter()
    wanted = {job.inference_id for job in jobs}

    def all_there() -> bool:
        for notice in endpoint.notices(within_s=1):
            assert notice["invocationStatus"] == "Completed"
            counted[notice["inferenceId"]] += 1
        return wanted <= set(counted)

    wait_for(all_there, 60, "a notice of every job")
    # At least once is what AWS promises: only what a killed container had in hand may be told twice.
    duplicates = sum(counted.values()) - len(wanted)
    print(f"{len(wanted)} jobs, {duplicates} notices more than one a job")
    assert set(counted) == wanted
    assert duplicates <= KILLS * 2


def _backlog(endpoint: AsyncEndpoint) -> int:
    queue = endpoint.state()["async_queue"]
    return int(queue["queued"]) + int(queue["in_process"])
