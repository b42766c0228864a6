"""What the user can do about a registry's refusal, said with it."""

from collections.abc import Iterator
from contextlib import contextmanager

from image_assets.aws.errors import repository_advice
from image_assets.errors import AssetError


@contextmanager
def advising() -> Iterator[None]:
    """Add to an expected failure what can be done about it, whoever told it: our client, or a builder that pushes.

    Raises:
        AssetError: The failure itself.
    """
    try:
        yield
    except AssetError as error:
        if advice := repository_advice(str(error)):
            error.args = (f"{error}; {advice}",)
        raise
