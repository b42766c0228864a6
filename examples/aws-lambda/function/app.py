"""The function."""


def handler(event: dict[str, str], _context: object) -> dict[str, str]:
    """Greet whom the event names."""
    return {"greeting": f"Good day, {event.get('name', 'world')}."}
