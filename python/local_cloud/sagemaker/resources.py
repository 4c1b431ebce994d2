"""What the control plane remembers of models, endpoint configurations and tags.

A resource is the request that made it, kept exactly as it was sent: Describe answers with the same members
and no others, plus ARN and times. That is what keeps a second Terraform plan empty.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from local_cloud.clock import Clock
from local_cloud.sagemaker.errors import already_exists, not_found, validation_exception

MOST_TAGS: Final = 50
"""Tags a resource may carry (AWS general reference, tagging)."""


@dataclass(frozen=True, slots=True)
class Arns:
    """Builds SageMaker ARNs. AWS writes the resource's name in lower case there."""

    region: str
    account: str

    def of(self, resource_type: str, name: str) -> str:
        """``resource_type`` is ``model``, ``endpoint-config`` or ``endpoint``."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{resource_type}/{name.lower()}"


@dataclass(frozen=True, slots=True)
class Resource:
    """A model or an endpoint configuration: ``request`` is its create request without the tags."""

    name: str
    arn: str
    request: Mapping[str, Any]
    created: datetime

    def copy_of_request(self) -> dict[str, Any]:
        return copy.deepcopy(dict(self.request))


class Collection:
    """All resources of one type, by name. Names differ by more than case, as in AWS."""

    def __init__(self, kind: str, resource_type: str, arns: Arns, clock: Clock) -> None:
        """``kind`` is the noun of AWS's messages (``endpoint configuration``), ``resource_type`` that of the
        ARN."""
        self.kind = kind
        self.resource_type = resource_type
        self._arns = arns
        self._clock = clock
        self._by_name: dict[str, Resource] = {}

    def __iter__(self) -> Iterator[Resource]:
        return iter(list(self._by_name.values()))

    def arn(self, name: str) -> str:
        return self._arns.of(self.resource_type, name)

    def refuse_existing(self, name: str) -> None:
        """Raises AwsError if ``name`` is taken."""
        if name.lower() in self._by_name:
            raise already_exists(self.kind, self.arn(name))

    def add(self, name: str, request: Mapping[str, Any]) -> Resource:
        """Keeps ``request``. Raises AwsError if ``name`` is taken."""
        self.refuse_existing(name)
        resource = Resource(name, self.arn(name), copy.deepcopy(dict(request)), self._clock.now())
        self._by_name[name.lower()] = resource
        return resource

    def get(self, name: str) -> Resource:
        """Raises AwsError if there is none of that name."""
        try:
            return self._by_name[name.lower()]
        except KeyError:
            raise not_found(self.kind, self.arn(name)) from None

    def remove(self, name: str) -> Resource:
        """Raises AwsError if there is none of that name."""
        resource = self.get(name)
        del self._by_name[name.lower()]
        return resource


class Tags:
    """The tags of every resource, by ARN; a resource has an entry as long as it exists."""

    def __init__(self) -> None:
        self._by_arn: dict[str, dict[str, str]] = {}

    @staticmethod
    def check(tags: list[dict[str, str]]) -> None:
        """Raises AwsError for what AWS refuses in a list of tags."""
        keys = [tag["Key"] for tag in tags]
        for key in keys:
            if key.lower().startswith("aws:"):
                raise validation_exception(
                    f"Tag key '{key}' is reserved: the prefix aws: is for AWS's own use."
                )
            if keys.count(key) > 1:
                raise validation_exception(f"Duplicate tag key found: '{key}'. Give each key once.")

    def begin(self, arn: str, tags: list[dict[str, str]]) -> None:
        """A resource came into being with ``tags`` (already checked)."""
        self._by_arn[arn] = {tag["Key"]: tag["Value"] for tag in tags}

    def end(self, arn: str) -> None:
        """The resource is gone."""
        self._by_arn.pop(arn, None)

    def add(self, arn: str, tags: list[dict[str, str]]) -> list[dict[str, str]]:
        """Adds or replaces tags; returns all tags of the resource."""
        self.check(tags)
        held = self._of(arn)
        merged = held | {tag["Key"]: tag["Value"] for tag in tags}
        if len(merged) > MOST_TAGS:
            raise validation_exception(
                f'A resource can have at most {MOST_TAGS} tags; "{arn}" would have {len(merged)}.'
            )
        held.update(merged)
        return self.of(arn)

    def remove(self, arn: str, keys: list[str]) -> None:
        held = self._of(arn)
        for key in keys:
            held.pop(key, None)

    def of(self, arn: str) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self._of(arn).items()]

    def _of(self, arn: str) -> dict[str, str]:
        # AWS compares ARNs of its own making; callers may have kept the name's capitals.
        held = self._by_arn.get(arn)
        if held is None:
            prefix, _, name = arn.partition("/")
            held = self._by_arn.get(f"{prefix}/{name.lower()}")
        if held is None:
            raise validation_exception(f'Could not find resource "{arn}".')
        return held
