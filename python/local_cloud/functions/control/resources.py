"""What the control plane remembers: functions with their versions and aliases.

In memory, for the life of the local cloud, as SageMaker's resources are.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from local_cloud.clock import Clock
from local_cloud.functions.control.errors import (
    conflict,
    function_not_found,
    invalid_parameter,
    not_found,
    revision_changed,
)
from local_cloud.functions.control.names import Names, is_version
from local_cloud.functions.control.settings import Settings
from local_cloud.functions.specs import LATEST


def new_revision() -> str:
    """A RevisionId, or an id of one state of a function's content."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Content:
    """What publishing freezes: code and settings. ``id`` differs whenever environments must not be shared."""

    settings: Settings
    image_uri: str
    resolved_uri: str
    code_sha256: str
    id: str = field(default_factory=new_revision, compare=False)


@dataclass(slots=True)
class Version:
    """``$LATEST`` or a published version.

    content: as the API shows it. served: what invocations get; behind ``content`` while an update is in
    progress. published_from: of a published version, what ``$LATEST`` was then.
    """

    number: str
    content: Content
    served: Content
    modified: datetime
    revision: str = field(default_factory=new_revision)
    state: Literal["Pending", "Active"] = "Pending"
    updating: bool = False
    published_from: Content | None = None


@dataclass(slots=True)
class Alias:
    """weights: AdditionalVersionWeights, at most one; its version takes that share, the alias's the rest."""

    name: str
    version: str
    description: str
    weights: Mapping[str, float]
    revision: str = field(default_factory=new_revision)


@dataclass(slots=True)
class Provisioned:
    """Provisioned concurrency of a qualifier. placed: how many environments each version keeps for it."""

    requested: int
    modified: datetime
    placed: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Url:
    """A function URL's configuration; ``cors`` and ``invoke_mode`` as they were sent."""

    id: str
    auth_type: Literal["AWS_IAM", "NONE"]
    cors: Mapping[str, Any] | None
    created: datetime
    modified: datetime


@dataclass(slots=True)
class EventSettings:
    """An event invoke config: the members that were given."""

    members: Mapping[str, Any]
    modified: datetime


@dataclass(slots=True)
class Function:
    """A function. What is kept by qualifier has ``$LATEST`` where no other qualifier was given."""

    name: str
    latest: Version
    published: dict[str, Version] = field(default_factory=dict)
    last_number: int = 0
    aliases: dict[str, Alias] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    reserved: int | None = None
    provisioned: dict[str, Provisioned] = field(default_factory=dict)
    policies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    events: dict[str, EventSettings] = field(default_factory=dict)
    urls: dict[str, Url] = field(default_factory=dict)
    recursive_loop: Literal["Allow", "Terminate"] = "Terminate"

    def claim(self) -> int:
        """What it takes out of the account's unreserved concurrency: provisioned environments count towards
        a reservation."""
        return self.reserved if self.reserved is not None else self.total_provisioned()

    def total_provisioned(self, without: str | None = None) -> int:
        """Provisioned environments of all qualifiers but one."""
        return sum(config.requested for qualifier, config in self.provisioned.items() if qualifier != without)


class Functions:
    """All functions, by name. Names differ by more than case, as in AWS: ``A`` and ``a`` are two."""

    def __init__(self, names: Names, clock: Clock) -> None:
        self.names = names
        self.clock = clock
        self._by_name: dict[str, Function] = {}

    def __iter__(self) -> Iterator[Function]:
        return iter(list(self._by_name.values()))

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def add(self, function: Function) -> None:
        """Raises AwsError if the name is taken."""
        self.refuse_existing(function.name)
        self._by_name[function.name] = function

    def remove(self, name: str) -> None:
        del self._by_name[name]

    def refuse_existing(self, name: str) -> None:
        """Raises AwsError if the name is taken."""
        if name in self._by_name:
            raise conflict(f"Function already exist: {name}")

    def find(self, name: str) -> Function | None:
        return self._by_name.get(name)

    def get(self, name: str, qualifier: str | None = None) -> Function:
        """Raises AwsError if there is no such function; ``qualifier`` is for the message only."""
        function = self._by_name.get(name)
        if function is None:
            raise function_not_found(self.names.arn(name, qualifier))
        return function

    def named(self, request: Mapping[str, Any]) -> tuple[Function, str | None]:
        """The function and the qualifier of a request. Raises AwsError."""
        name, qualifier = self.names.read(request["FunctionName"], request.get("Qualifier"))
        return self.get(name, qualifier), qualifier

    def version(self, function: Function, qualifier: str | None) -> Version:
        """A version by its own qualifier. Raises AwsError if there is none."""
        if qualifier in (None, LATEST):
            return function.latest
        assert qualifier is not None
        version = function.published.get(qualifier)
        if version is None:
            raise function_not_found(self.names.arn(function.name, qualifier))
        return version

    def alias(self, function: Function, name: str) -> Alias:
        """Raises AwsError if there is none."""
        alias = function.aliases.get(name)
        if alias is None:
            raise not_found(f"Cannot find alias arn: {self.names.arn(function.name, name)}")
        return alias

    def target(self, function: Function, qualifier: str | None) -> Version | Alias:
        """The version or alias that a qualifier names. Raises AwsError if there is none."""
        if qualifier is None or is_version(qualifier):
            return self.version(function, qualifier)
        return self.alias(function, qualifier)

    def refuse_busy(self, function: Function) -> None:
        """Raises AwsError while ``$LATEST`` is being created or updated."""
        if function.latest.state == "Pending":
            raise conflict(
                "The operation cannot be performed at this time. "
                "The function is currently in the following state: Pending"
            )
        if function.latest.updating:
            raise conflict(
                "The operation cannot be performed at this time. "
                f"An update is in progress for resource: {self.names.arn(function.name)}"
            )


def check_revision(request: Mapping[str, Any], current: str) -> None:
    """Raises AwsError if the request has a RevisionId that is not ``current``."""
    given = request.get("RevisionId")
    if given and given != current:
        raise revision_changed()


def checked_tags(tags: Mapping[str, str], most: int) -> dict[str, str]:
    """A function's tags. Raises AwsError for what AWS refuses."""
    for key in tags:
        if key.lower().startswith("aws:"):
            raise invalid_parameter(f"Tag key '{key}' is reserved: the prefix aws: is for AWS's own use.")
    if len(tags) > most:
        raise invalid_parameter(f"Number of tags exceeds resource tag limit. ({len(tags)} of {most}.)")
    return dict(tags)
