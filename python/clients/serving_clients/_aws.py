"""boto3's clients, each made when it is first needed, and all of them behind our transport."""

from __future__ import annotations

import functools
import threading
from typing import Any

from serving_clients._settings import Settings, is_loopback
from serving_clients.errors import InvalidRequest, ServingError


class Clients:
    """The AWS clients of one account and region. Thread-safe; boto3 is imported with the first."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._closed = False
        self._boto3_session: Any = settings.boto3_session
        self._made: dict[str, tuple[Any, Any]] = {}

    def get(self, service: str) -> Any:
        """boto3's client of *service*. Its requests need an active deadline: see :mod:`._transport`."""
        made = self._made.get(service)
        if made is not None and not self._closed:
            return made[0]
        with self._lock:  # a boto3 session makes one client at a time
            self.check_open()
            if service not in self._made:
                self._made[service] = self._make(service)
            return self._made[service][0]

    def parameter_store(self, seconds: float) -> Any:
        """A client of SSM with botocore's own sender, for one call of at most *seconds*."""
        from botocore.config import Config

        url = self._settings.endpoint_url
        config = Config(
            connect_timeout=min(5.0, seconds),
            read_timeout=seconds,
            retries={"total_max_attempts": 1},
            proxies={} if is_loopback(url) else None,
        )
        with self._lock:
            self.check_open()
            return self._session().client("ssm", endpoint_url=url, config=config)

    def check_open(self) -> None:
        """Raise ServingError once closed."""
        if self._closed:
            raise ServingError("this session is closed", hint="connect again")

    def close(self) -> None:
        """Let go of every connection."""
        with self._lock:
            self._closed = True
            made, self._made = self._made, {}
        for client, transport in made.values():
            client.close()
            transport.close()

    def _make(self, service: str) -> tuple[Any, Any]:
        from botocore.config import Config

        from serving_clients._transport import Transport

        url = self._settings.endpoint_url
        session = self._session()
        config = Config(
            retries={"total_max_attempts": 1},  # ours know the deadline
            s3={"addressing_style": "path"} if url else None,  # a bucket is no host name on this machine
        )
        client = session.client(service, endpoint_url=url, config=config)
        transport = Transport(client.meta.endpoint_url, ca_bundle=_profile_ca_bundle(session))
        client.meta.events.register_last(f"before-send.{service}", transport.send)
        return client, transport

    def _session(self) -> Any:
        """The caller's boto3 session, or one for the environment."""
        if self._boto3_session is None:
            import boto3
            import botocore.session

            settings = self._settings
            known: dict[str, str] = {"region_name": settings.region} if settings.region else {}
            if settings.local:  # the local cloud takes any credentials and must never see real ones
                known |= {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
            base = botocore.session.Session()
            base.register_component("data_loader", _service_models())
            self._boto3_session = boto3.Session(botocore_session=base, **known)
        if not self._boto3_session.region_name and not self._settings.region:
            raise InvalidRequest(
                "no region is set",
                field="region",
                hint="give region=, or set AWS_DEFAULT_REGION or the profile's region",
            )
        return self._boto3_session


@functools.cache
def _service_models() -> Any:
    """botocore's descriptions of the services, shared: reading them takes ten times as long as the rest."""
    from botocore.loaders import create_loader

    return create_loader()


def _profile_ca_bundle(session: Any) -> str | None:
    import botocore.session

    bundle = botocore.session.Session(profile=session.profile_name).get_config_variable("ca_bundle")
    return bundle if isinstance(bundle, str) else None
