"""What can go wrong, split by whose fault it is.

Nothing but these reaches the edge of the provider as an expected failure; each carries a text that a user can act on.
"""

from collections.abc import Sequence
from typing import Self

from image_assets.frozen import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one input.

    Attributes:
        path: The property in Pulumi's path syntax (`buildArgs.FOO`, `platforms[1]`); empty if it concerns several.
        reason: What is wrong and what to write instead.
        is_shown: Whether the value at the path may be shown beside the reason.
    """

    path: str
    reason: str
    is_shown: bool = True

    def __str__(self) -> str:
        """Show the problem as one line."""
        return f"{self.path}: {self.reason}" if self.path else self.reason


class AssetError(Exception):
    """Base of all expected failures; never raised itself."""


class InputError(AssetError):
    """The program asked for something that cannot be: all problems at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)

    @classmethod
    def single(cls, path: str, reason: str) -> Self:
        """Make the error of one problem."""
        return cls([Problem(path, reason)])


class BuildError(AssetError):
    """The builder failed, is missing, or cannot be reached."""


class ChangedDuringBuildError(BuildError):
    """The source changed while it was built; no tag was written."""


class ArchiveError(AssetError):
    """The image archive is damaged, hostile or not an image archive.

    Attributes:
        remedy: What helps against this very fault; empty for what helps against any.
        names_archive: Whether the message names the archive.
    """

    def __init__(self, message: str, *, remedy: str = "", names_archive: bool = False) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.names_archive = names_archive


class RegistryError(AssetError):
    """A registry refused, failed or could not be reached.

    Attributes:
        method: The HTTP method.
        url: The URL without credentials or signed query.
        status: The HTTP status, or None when no answer came.
        codes: The registry's own error codes (OCI distribution spec, "Error Codes").
        temporary: Whether the same request may succeed later.
    """

    def __init__(  # noqa: PLR0913 - one argument per attribute of the failed request
        self,
        message: str,
        *,
        method: str = "",
        url: str = "",
        status: int | None = None,
        codes: tuple[str, ...] = (),
        temporary: bool = False,
    ) -> None:
        super().__init__(message)
        self.method = method
        self.url = url
        self.status = status
        self.codes = codes
        self.temporary = temporary


class MissingImageError(AssetError):
    """A registry says clearly that it has no such image."""


class CloudError(AssetError):
    """AWS refused or could not be reached; names the action and, where known, the ARN."""


class TimedOutError(AssetError):
    """The time that the program gave a resource is over."""


class CancelledByUserError(AssetError):
    """The deployment was cancelled while this was running."""
