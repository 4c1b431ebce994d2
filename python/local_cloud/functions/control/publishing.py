"""Publishing: ``$LATEST`` as it is becomes a version that stays as it is."""

from __future__ import annotations

import copy
from dataclasses import replace

from local_cloud.functions.control.resources import Function, Version, new_revision


def published(function: Function, description: str | None = None) -> Version:
    """A new version of ``$LATEST``; the last one where nothing has changed since.

    ``description``: of the version, instead of the function's.
    """
    latest = function.latest
    last = function.published.get(str(function.last_number))
    if last is not None and last.published_from == latest.content:
        return last
    function.last_number += 1
    settings = copy.deepcopy(dict(latest.content.settings))
    if description is not None:
        settings["Description"] = description
    content = replace(latest.content, settings=settings, id=new_revision())
    version = Version(str(function.last_number), content, content, latest.modified)
    version.published_from = latest.content
    version.state = "Pending" if latest.updating else latest.state
    function.published[version.number] = version
    latest.revision = new_revision()
    return version
