"""An image that is wanted in a registry, and what reaching that registry takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from image_assets.custom_resource import Job
from image_assets.inputs import Inputs
from image_assets.outputs import Target
from image_assets.shapes import empty


@dataclass(frozen=True)
class Login:
    """What one image's inputs say about reaching its registry.

    Attributes:
        auth: The `registryAuth` input, if this process has it.
        aws: What the component handed on of the stack's `aws:` configuration.
    """

    auth: Mapping[str, str] = field(default_factory=empty, repr=False)
    aws: Mapping[str, str] = field(default_factory=empty)


@dataclass(frozen=True)
class Wanted:
    """One image to publish.

    Attributes:
        job: The resource, and where to report.
        inputs: Its inputs.
        target: Where the image goes.
        fingerprint: What its content must still be when the tag is written.
        outline: The rows behind the fingerprint.
        login: What the inputs say about reaching the registry.
        build_secrets: The build secrets with their values.
        other_auths: The logins that other assets of the program were given, by registry: it may be built on them.
        hidden: Values of build arguments that are secret.
    """

    job: Job
    inputs: Inputs
    target: Target
    fingerprint: str
    outline: Mapping[str, str]
    login: Login
    build_secrets: Mapping[str, Mapping[str, str]] = field(repr=False)
    other_auths: Mapping[str, Mapping[str, str]] = field(default_factory=empty, repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)
