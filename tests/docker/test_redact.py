"""Secret values do not show."""

from image_assets.docker.redact import Redactor


def test_every_value_is_hidden_wherever_it_stands() -> None:
    redact = Redactor(["hunter2", "hunter2-and-more", "a.b*c"])
    assert redact("x=hunter2, y=hunter2-and-more z=a.b*c axbbc") == "x=[secret], y=[secret] z=[secret] axbbc"


def test_a_key_file_is_hidden_line_by_line() -> None:
    redact = Redactor(["-----BEGIN KEY-----\nMIIEvQIBADANBg\n}\n-----END KEY-----\n"])
    assert redact("MIIEvQIBADANBg }") == "[secret] }"


def test_empty_and_tiny_values_hide_nothing() -> None:
    assert Redactor(["", " ", "ab"])("ab cd") == "ab cd"


def test_without_secrets_nothing_changes() -> None:
    assert Redactor([])("text") == "text"
