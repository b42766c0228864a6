"""The provider's configuration: what holds for every image of a program."""

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from typing import Any

from image_assets.addresses import address_of
from image_assets.errors import InputError, Problem
from image_assets.frozen import dataclass
from image_assets.inputs.build_fields import BUILDER, DEFAULT_PLATFORM
from image_assets.inputs.choices import BUILD_OUTPUT, CHECK_PUBLISHED, PLATFORM
from image_assets.inputs.destination_fields import AWS
from image_assets.inputs.in_memory import by_name, secret_texts
from image_assets.inputs.types import Flag, Listing, Number, Property, Record, Shape, Text, freeze, problems
from image_assets.platforms import wrong_with
from image_assets.reference import host_problem
from image_assets.values import Secret, empty, is_list, is_map, plain, reveal


def check_address(value: str) -> str | None:
    """Say what is wrong with the address of a login: docker's own spellings of it are taken, too."""
    bare = value.partition("://")[2] or value
    host, _, path = bare.partition("/")
    if wrong := host_problem(host):
        return wrong
    return "must be `host` or `host/path`, without tag or blank" if re.search(r"[\s:@]", path) else None


REGISTRY_LOGIN = Record(
    "RegistryLogin",
    "A login for one registry, for base images, refresh and destroy too.",
    (
        Property(
            "address",
            Text(check=check_address),
            "The registry's host, with the port if it has one; `host/path` for a part of it.",
            required=True,
            public=True,
        ),
        Property("username", Text(), "The user's name.", required=True),
        Property("password", Text(), "The password or token.", required=True, secret=True),
    ),
)


def check_insecure(value: str) -> str | None:
    """Say what is wrong with an entry of `insecureRegistries` (dockerd reference, "Insecure registries")."""
    scheme, separator, rest = value.partition("://")
    if separator:
        return f'must be a host without "{scheme}://": write "{rest.partition("/")[0]}"'
    if "/" not in value:
        return host_problem(value)
    with suppress(ValueError):
        ipaddress.ip_network(value, strict=False)
        return None
    return f'must be a host or a network: write "{value.partition("/")[0]}", or a network as in "10.0.0.0/8"'


SETTINGS = Record(
    "Settings",
    "The provider's configuration.",
    (
        Property(
            "defaultPlatform",
            Text(PLATFORM, check=wrong_with),
            f"The platform of images that name none. Default: `{DEFAULT_PLATFORM}`.",
        ),
        Property(
            "builder", BUILDER, "The builder of images that name none. Default: `docker` with its current builder."
        ),
        Property("maxConcurrentBuilds", Number(), "How many images a builder's node builds at once. Default: 8."),
        Property(
            "buildOutput",
            Text(BUILD_OUTPUT),
            "How much a successful build leaves behind: `quiet` nothing, `normal` (default) a line, `full` its output.",
        ),
        Property(
            "registries", Listing(REGISTRY_LOGIN), "Logins for registries. Default: those of docker.", secret=True
        ),
        Property(
            "insecureRegistries",
            Listing(Text(check=check_insecure), is_set=True),
            "Hosts (`host:port`) or networks (`10.0.0.0/8`) that are reached without TLS or with an unknown "
            "certificate: registries and their token servers. Default: loopback hosts, which always are.",
        ),
        Property(
            "checkPublished",
            Text(CHECK_PUBLISHED),
            "When to ask whether an image is still there: on `refresh` (default), or `always`, in each preview and up.",
        ),
        Property(
            "pinBaseImages",
            Flag(),
            "Whether base images count by their digests, for images that do not say. Default: false.",
        ),
        Property("aws", AWS, "How AWS is reached for ECR. Default: as the AWS CLI does."),
        Property(
            "cacheDirectory",
            Text(),
            "The directory where digests of files are remembered. Default: the user's cache directory.",
        ),
    ),
)


@dataclass(frozen=True)
class Settings:
    """The parsed configuration; `SETTINGS` says what each means."""

    default_platform: str = DEFAULT_PLATFORM
    builder: Mapping[str, str] = field(default_factory=empty)
    max_concurrent_builds: int = 8
    build_output: str = "normal"
    registries: tuple[Mapping[str, str], ...] = ()
    insecure_registries: tuple[str, ...] = ()
    check_published: str = "refresh"
    pin_base_images: bool = False
    aws: Mapping[str, str] = field(default_factory=empty)
    cache_directory: str | None = None

    @property
    def executable(self) -> str:
        """The name of the program that builds images that name none."""
        return self.builder.get("executable") or "docker"


#: What the engine itself adds to a provider's configuration.
ENGINE_KEYS = frozenset({"version", "pluginDownloadURL", "__internal"})


def parse_settings(args: Mapping[str, Any]) -> Settings:
    """Turn the provider's configuration into settings; members not known yet have their defaults.

    Raises:
        InputError: With every problem.
    """
    wrong: list[Problem] = []
    values = decoded(args, wrong)
    wrong.extend(problems(SETTINGS, values, ""))
    wrong.extend(repeated_logins(values))
    if wrong:
        raise InputError(wrong)
    return Settings(**{snake(key): value for key, value in freeze(SETTINGS, values).items()})


def repeated_logins(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the logins for a registry that has one already: only one could be used."""
    seen: dict[str, int] = {}
    logins = reveal(plain(values.get("registries")))
    for index, login in enumerate(logins if is_list(logins) else ()):
        address = login.get("address") if is_map(login) else None
        if not isinstance(address, str):
            continue
        first = seen.setdefault(address_of(address), index)
        if first != index:
            yield Problem(
                f"registries[{index}].address", f"is that of registries[{first}] again: give one login for it"
            )


def decoded(args: Mapping[str, Any], wrong: list[Problem]) -> dict[str, Any]:
    """Return the members that are given, as what their types say; what is no JSON is added to `wrong`."""
    shapes = {member.name: member.shape for member in SETTINGS.members}
    given = {key: value for key, value in args.items() if key not in ENGINE_KEYS and value is not None}
    return {key: from_text(shapes.get(key), value, key, wrong) for key, value in given.items()}


def secret_settings(args: Mapping[str, Any]) -> Iterator[str]:
    """Yield every secret text in the provider's configuration."""
    yield from secret_texts(by_name(*SETTINGS.members), decoded(args, []))


_BY_PATH = "has members: set them one by one, as in `pulumi config set --path 'image-assets:{}.NAME' VALUE`"
_HOW_TO_SET: Mapping[type, str] = {
    Flag: "must be true or false",
    Number: "must be a whole number",
    Listing: "is a list: set its items one by one, as in `pulumi config set --path 'image-assets:{}[0]' VALUE`",
}
"""What to write where a text in the configuration is no JSON, by what it should be."""


def from_text(shape: Shape | None, value: Any, path: str, wrong: list[Problem]) -> Any:
    """Decode a member that is not text: Pulumi hands it on as JSON in a text (provider.proto, ConfigureRequest)."""
    bare = plain(value)
    # SDKs write as JSON what is no mere string in the schema, and so the texts that have enums.
    is_json = isinstance(shape, Text) and shape.choices is not None and isinstance(bare, str) and bare[:1] == '"'
    if (isinstance(shape, Text) and not is_json) or not isinstance(bare, str):
        return value
    try:
        found = json.loads(bare)
    except ValueError:
        if is_json:
            return value
        if shape is not None:
            wrong.append(Problem(path, _HOW_TO_SET.get(type(shape), _BY_PATH).format(path), is_shown=False))
        return None
    found = respelled(shape, found)
    return Secret(found) if isinstance(value, Secret) else found


def respelled(shape: Shape | None, value: Any) -> Any:
    """Return a decoded value with its members called as in the schema: Python's SDK leaves the keys of a dict alone."""
    if isinstance(shape, Listing) and isinstance(value, list):
        return [respelled(shape.item, item) for item in value]
    if not isinstance(shape, Record) or not isinstance(value, dict):
        return value
    names = {snake(member.name): member.name for member in shape.members}
    return {key if names.get(key, key) in value else names[key]: item for key, item in value.items()}


def snake(name: str) -> str:
    """Return the Python name of a member (`buildOutput` -> `build_output`)."""
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
