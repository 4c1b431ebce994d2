"""Names of functions: a name, a partial ARN or a full one, each with or without a qualifier."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from local_cloud.functions.control.errors import constraint_broken, invalid_parameter, not_found
from local_cloud.functions.control.rest import service_model
from local_cloud.functions.specs import LATEST
from local_cloud.sagemaker.errors import AwsError

_REFERENCE: Final = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?"
    r"(?:(?P<region>(?:eusc-)?[a-z]{2}(?:-[a-z]+)+-\d):)?"
    r"(?:(?P<account>\d{12}):)?"
    r"(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_-]+)"
    r"(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?"
)


@dataclass(frozen=True, slots=True)
class Names:
    """Reads and makes names of functions of one account in one region."""

    region: str
    account: str

    def arn(self, name: str, qualifier: str | None = None) -> str:
        """A function's ARN, with a qualifier where there is one."""
        arn = f"arn:aws:lambda:{self.region}:{self.account}:function:{name}"
        return arn if qualifier is None else f"{arn}:{qualifier}"

    def read(self, reference: str, qualifier: str | None = None) -> tuple[str, str | None]:
        """The function's name and the qualifier, taken from the reference or from beside it.

        Raises:
            AwsError: ValidationException (no name), ResourceNotFoundException (another region),
                AccessDeniedException (another account), InvalidParameterValueException (two qualifiers that
                differ).
        """
        found = _REFERENCE.fullmatch(reference)
        if found is None:
            pattern = service_model().shape_for("NamespacedFunctionName").metadata["pattern"]
            raise constraint_broken(
                "functionName", reference, f"Member must satisfy regular expression pattern: {pattern}"
            )
        region, account, name, own = found.group("region", "account", "name", "qualifier")
        if region not in (None, self.region):
            raise not_found(f"Functions from '{region}' are not reachable in this region ('{self.region}')")
        if account not in (None, self.account):
            raise AwsError(
                "AccessDeniedException",
                403,
                f"Functions of account {account} are not reachable: this local cloud is {self.account}.",
            )
        if qualifier and own and qualifier != own:
            raise invalid_parameter(
                "The derived qualifier from the function name does not match the specified qualifier."
            )
        return name, qualifier or own


def is_version(qualifier: str) -> bool:
    """Whether a qualifier names a version, ``$LATEST`` included; all others name aliases."""
    return qualifier == LATEST or (qualifier.isascii() and qualifier.isdigit())
