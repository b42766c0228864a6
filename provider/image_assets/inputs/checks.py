"""Checks of single texts (`types.Text`): what is wrong with one, or None."""

from collections.abc import Callable


def parsed_by(parse: Callable[[str], object]) -> Callable[[str], str | None]:
    """Return a check that says what a parser says.

    Args:
        parse: Raises ValueError, whose text tells what is wrong.
    """

    def check(value: str) -> str | None:
        try:
            parse(value)
        except ValueError as error:
            return str(error)
        return None

    return check
