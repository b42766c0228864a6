"""Logins for git repositories over HTTP, by build secrets of the names that BuildKit knows.

`GIT_AUTH_TOKEN` and `GIT_AUTH_HEADER`, each also with `.HOST` behind it (Docker's "Build secrets", "Git authentication
for remote contexts"). git gets them by its environment: an argument would be seen by every user of the machine.
"""

import os
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from image_assets.errors import InputError

_TOKEN: Final = "GIT_AUTH_TOKEN"  # noqa: S105 - its name
_HEADER: Final = "GIT_AUTH_HEADER"
_SCHEMES: Final = ("https", "http")

Secrets = Mapping[str, Mapping[str, str]]


def may_be_login(path: str) -> bool:
    """Say whether an input's path can be that of a login for git."""
    return path == "buildSecrets" or (path.startswith("buildSecrets") and (_TOKEN in path or _HEADER in path))


def login_environment(secrets: Secrets, url: str) -> dict[str, str]:
    """Return the variables that make git send the logins, each to its host alone.

    Args:
        secrets: The build secrets.
        url: The repository: a secret without a host is for that of this one.

    Raises:
        InputError: A secret cannot be read.
    """
    settings = list(_settings(secrets, url))
    found = {"GIT_CONFIG_COUNT": str(len(settings))} if settings else {}
    for index, (key, value) in enumerate(settings):
        found |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return found


def _settings(secrets: Secrets, url: str) -> Iterator[tuple[str, str]]:
    """Yield git's settings; of a token and a header for one host the header is taken, as by BuildKit."""
    parts = urlsplit(url)
    headers: dict[str, str] = {}
    for kind in (_TOKEN, _HEADER):
        for name, source in secrets.items():
            word, _, host = name.partition(".")
            if word != kind or not (host or parts.scheme in _SCHEMES):
                continue
            value = _value(name, source)
            text = f"basic {b64encode(f'x-access-token:{value}'.encode()).decode()}" if kind == _TOKEN else value
            origins = [f"{scheme}://{host}/" for scheme in _SCHEMES] if host else [f"{parts.scheme}://{parts.netloc}/"]
            headers |= dict.fromkeys(origins, f"Authorization: {text}")
    yield from ((f"http.{origin}.extraHeader", header) for origin, header in headers.items())


def _value(name: str, source: Mapping[str, str]) -> str:
    try:
        if "file" in source:
            return Path(source["file"]).read_text(encoding="utf-8").strip()
        return os.environ[source["env"]].strip() if "env" in source else source["value"]
    except (OSError, UnicodeDecodeError, KeyError) as error:
        raise InputError.single("buildSecrets", f"the secret {name}, a login for git, cannot be read") from error
