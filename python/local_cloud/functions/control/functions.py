"""Operations on functions and their versions."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from local_cloud.functions.control import settings
from local_cloud.functions.control.describe import code_location, configuration, listed
from local_cloud.functions.control.errors import conflict, function_not_found, invalid_parameter
from local_cloud.functions.control.names import is_version
from local_cloud.functions.control.operations import Answer, Handler, Request
from local_cloud.functions.control.paging import page_of
from local_cloud.functions.control.provisioned import ProvisionedConcurrency
from local_cloud.functions.control.publishing import published
from local_cloud.functions.control.resources import (
    Content,
    Function,
    Functions,
    Version,
    check_revision,
    checked_tags,
    new_revision,
)
from local_cloud.functions.control.rules import check_new_code, check_new_function
from local_cloud.functions.control.transitions import Transitions
from local_cloud.functions.specs import LATEST, ExecutionService, ImageFacts, ImageRejected
from local_cloud.sagemaker.resources import MOST_TAGS

log = logging.getLogger(__name__)

_NEVER_GIVEN: Final = ("FunctionName", "Tags", "Code", "Publish", "PackageType")


class FunctionOperations:
    """Create, read, update, publish, delete."""

    def __init__(
        self,
        functions: Functions,
        execution: ExecutionService,
        provisioned: ProvisionedConcurrency,
        transitions: Transitions,
    ) -> None:
        self._functions = functions
        self._names = functions.names
        self._execution = execution
        self._provisioned = provisioned
        self._transitions = transitions

    def handlers(self) -> dict[str, Handler]:
        return {
            "CreateFunction": self._create,
            "GetFunction": self._get,
            "GetFunctionConfiguration": self._get_configuration,
            "UpdateFunctionCode": self._update_code,
            "UpdateFunctionConfiguration": self._update_configuration,
            "DeleteFunction": self._delete,
            "ListFunctions": self._list,
            "PublishVersion": self._publish_version,
            "ListVersionsByFunction": self._list_versions,
        }

    # Create and update

    async def _create(self, request: Request) -> Answer:
        name, qualifier = self._names.read(request["FunctionName"])
        if qualifier is not None:
            raise invalid_parameter(f"A function's name has no qualifier: {request['FunctionName']}")
        check_new_function(request, name)
        self._functions.refuse_existing(name)
        tags = checked_tags(request.get("Tags") or {}, MOST_TAGS)
        wanted = {member: value for member, value in request.items() if member not in _NEVER_GIVEN}
        content = _content(
            settings.created(name, wanted),
            request["Code"]["ImageUri"],
            await self._inspect(request["Code"]["ImageUri"]),
        )
        self._transitions.refuse_if_closing()
        function = Function(name, Version(LATEST, content, content, self._functions.clock.now()), tags=tags)
        self._functions.add(function)
        shown = published(function) if request.get("Publish") else function.latest
        self._transitions.settle(function)
        return configuration(function, shown, self._names.arn(name))

    async def _update_code(self, request: Request) -> Answer:
        function, _ = self._changeable(request)
        check_new_code(request)
        image = await self._inspect(request["ImageUri"])
        # Looking at the image takes time: another request may have come first.
        function, _ = self._changeable(request)
        content = _content(
            settings.with_architectures(function.latest.content.settings, request.get("Architectures")),
            request["ImageUri"],
            image,
        )
        if request.get("DryRun"):
            would_be = replace(function.latest, content=content)
            return configuration(function, would_be, self._names.arn(function.name))
        self._change_latest(function, content)
        if not request.get("Publish"):
            return configuration(function, function.latest, self._names.arn(function.name))
        version = published(function)
        return configuration(function, version, self._names.arn(function.name, version.number))

    async def _update_configuration(self, request: Request) -> Answer:
        function, _ = self._changeable(request)
        before = function.latest.content
        wanted = {member: value for member, value in request.items() if member not in _NEVER_GIVEN}
        content = replace(before, settings=settings.updated(before.settings, wanted), id=new_revision())
        self._change_latest(function, content)
        return configuration(function, function.latest, self._names.arn(function.name))

    def _changeable(self, request: Request) -> tuple[Function, str | None]:
        """The function of a request that changes ``$LATEST``. Raises AwsError if it must not now."""
        self._transitions.refuse_if_closing()
        function, qualifier = self._functions.named(request)
        if qualifier not in (None, LATEST):
            raise invalid_parameter(
                "Only $LATEST can be changed; published versions are as they were published."
            )
        self._functions.refuse_busy(function)
        check_revision(request, function.latest.revision)
        return function, qualifier

    async def _inspect(self, image_uri: str) -> ImageFacts:
        try:
            return await self._execution.inspect_image(image_uri)
        except ImageRejected as error:
            log.info("image %s is rejected: %s", image_uri, error)
            raise invalid_parameter(
                f"Source image {image_uri} does not exist. Provide a valid source image. ({error})"
            ) from None

    def _change_latest(self, function: Function, content: Content) -> None:
        latest = function.latest
        latest.content = content
        latest.modified = self._functions.clock.now()
        latest.revision = new_revision()
        latest.updating = True
        self._transitions.settle(function)

    # Versions

    async def _publish_version(self, request: Request) -> Answer:
        function, _ = self._changeable(request)
        expected, current = request.get("CodeSha256"), function.latest.content.code_sha256
        if expected and expected != current:
            raise invalid_parameter(
                f"CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST ({current}). "
                "Please try again with the CodeSHA256 in $LATEST."
            )
        version = published(function, request.get("Description"))
        return configuration(function, version, self._names.arn(function.name, version.number))

    async def _list_versions(self, request: Request) -> Answer:
        function, _ = self._functions.named(request)
        page, marker = page_of([function.latest, *function.published.values()], request, _order)
        shown = [
            listed(function, version, self._names.arn(function.name, version.number)) for version in page
        ]
        return {"Versions": shown, **marker}

    # Read and delete

    async def _get(self, request: Request) -> Answer:
        function, version, arn = self._asked_for(request)
        answer: Answer = {
            "Configuration": configuration(function, version, arn),
            "Code": code_location(version.content),
        }
        if function.tags:
            answer["Tags"] = dict(function.tags)
        if function.reserved is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
        return answer

    async def _get_configuration(self, request: Request) -> Answer:
        return configuration(*self._asked_for(request))

    def _asked_for(self, request: Request) -> tuple[Function, Version, str]:
        function, qualifier = self._functions.named(request)
        arn = self._names.arn(function.name, qualifier)
        number = qualifier
        if qualifier is not None and not is_version(qualifier):
            if qualifier not in function.aliases:
                raise function_not_found(arn)
            number = function.aliases[qualifier].version
        return function, self._functions.version(function, number), arn

    async def _list(self, request: Request) -> Answer:
        every = request.get("FunctionVersion") == "ALL"
        entries = [
            (function, version)
            for function in self._functions
            for version in [function.latest, *(function.published.values() if every else ())]
        ]
        page, marker = page_of(entries, request, lambda entry: f"{entry[0].name}:{_order(entry[1]):012d}")
        shown = [
            listed(function, version, self._names.arn(function.name, version.number if every else None))
            for function, version in page
        ]
        return {"Functions": shown, **marker}

    async def _delete(self, request: Request) -> Answer:
        self._transitions.refuse_if_closing()
        name, qualifier = self._names.read(request["FunctionName"], request.get("Qualifier"))
        if qualifier == LATEST:
            raise invalid_parameter("$LATEST version cannot be deleted without deleting the function.")
        function = self._functions.get(name, qualifier)
        if qualifier is None:
            self._delete_function(function)
        else:
            self._delete_version(function, qualifier)
        return {}

    def _delete_function(self, function: Function) -> None:
        for qualifier in list(function.provisioned):
            self._provisioned.remove(function, qualifier)
        self._functions.remove(function.name)
        self._execution.set_reserved(function.name, None)
        self._transitions.deleted(function.name)

    def _delete_version(self, function: Function, number: str) -> None:
        if not is_version(number):
            raise invalid_parameter("Deletion of aliases is not currently supported.")
        using = [
            alias.name
            for alias in function.aliases.values()
            if number == alias.version or number in alias.weights
        ]
        if using:
            raise conflict(
                f"Unable to delete version because the following aliases reference it: [{', '.join(using)}]"
            )
        if number in function.provisioned:
            raise conflict(
                f"Version {number} keeps provisioned concurrency: delete its provisioned concurrency "
                "configuration first."
            )
        # AWS takes the deletion of a version that is not there for done.
        if function.published.pop(number, None) is not None:
            for kept in (function.policies, function.events):
                kept.pop(number, None)
            self._transitions.retire(function.name, number)


def _order(version: Version) -> int:
    return 0 if version.number == LATEST else int(version.number)


def _content(kept: Mapping[str, Any], image_uri: str, image: ImageFacts) -> Content:
    return Content(kept, image_uri, image.resolved_uri, image.code_sha256)
