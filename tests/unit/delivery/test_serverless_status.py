"""How ``invoke local.status`` tells of a serverless endpoint: by its pool, never by instances."""

from __future__ import annotations

from typing import Any

from delivery.local import describe


def status(pool: dict[str, Any]) -> dict[str, Any]:
    container = {"name": "container-1", "status": "Healthy", "pid": 17, "restarts": 0, "last_exit": None}
    variant = {
        "name": "blue",
        "current_weight": 1.0,
        "current_instance_count": 0,
        "desired_instance_count": 0,
        "instances": [],
        "serverless": {"containers": [{"in_flight": 1, "containers": [container]}], **pool},
    }
    endpoint = {"name": "e", "status": "InService", "failure_reason": None, "variants": [variant]}
    return {
        "url": "http://127.0.0.1:1",
        "uptime_seconds": 3.0,
        "pid": 5,
        "time_scale": 1,
        "endpoints": [endpoint],
        "functions": [],
    }


def test_a_pool_is_told_by_its_containers_and_requests() -> None:
    spec = {"memory_mb": 2048, "max_concurrency": 20, "provisioned": 2}
    lines = list(describe(status({"current": spec, "starting": 1, "in_flight": 3})))
    assert lines[2:] == [
        "  blue  serverless, 2048 MB, 1 warm, 1 starting, 3 of 20 requests, 2 provisioned",
        "    container-1  Healthy, process 17, busy",
    ]
    assert not any("instances" in line for line in lines)


def test_without_provisioned_concurrency_none_is_mentioned() -> None:
    spec = {"memory_mb": 1024, "max_concurrency": 1, "provisioned": 0}
    lines = list(describe(status({"current": spec, "starting": 0, "in_flight": 0})))
    assert "provisioned" not in lines[2]
