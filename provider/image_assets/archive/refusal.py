"""How an archive is refused: one text that names the archive, the member and the fault."""

from image_assets.errors import ArchiveError

#: Longest member name quoted in a message: a hostile one can be megabytes long.
_QUOTED_CHARACTERS = 120
#: Longest reason, which may quote what the archive says.
_MOST_CHARACTERS = 500


def refuse(reason: str, member: str = "", *, remedy: str = "") -> ArchiveError:
    """Make the error of a bad archive; `within` adds the archive's own name, and the remedy, at the edge."""
    short = reason if len(reason) <= _MOST_CHARACTERS else f"{reason[:_MOST_CHARACTERS]}..."
    return ArchiveError(f"member {quoted(member)}: {short}" if member else short, remedy=remedy)


def within(archive: str, error: ArchiveError, remedy: str = "") -> ArchiveError:
    """Return the error with the archive's name in front, once, and at the end its own remedy or the given one."""
    if error.names_archive:
        return error
    advice = error.remedy or remedy
    return ArchiveError(f"{archive}: {error}{f'; {advice}' if advice else ''}", names_archive=True)


def quoted(name: str) -> str:
    """Show a name that may hold control characters or be very long."""
    shown = name if len(name) <= _QUOTED_CHARACTERS else name[:_QUOTED_CHARACTERS] + "..."
    return repr(shown)
