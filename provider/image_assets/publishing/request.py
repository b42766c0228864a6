"""What publishing one image needs to know."""

from collections.abc import Mapping
from dataclasses import field

from image_assets.custom_resource import Job
from image_assets.frozen import dataclass
from image_assets.inputs.image import Inputs
from image_assets.logins.given import Login
from image_assets.plan.target import Target


@dataclass(frozen=True)
class PublishRequest:
    """One image that a registry is to serve.

    Attributes:
        job: The resource, and where to report.
        inputs: Its inputs.
        target: Where the image goes.
        fingerprint: What its content must still be when the tag is written.
        outline: The rows behind the fingerprint.
        login: What the inputs say about reaching the registry.
        build_secrets: The build secrets with their values.
        hidden: Values of build arguments that are secret.
    """

    job: Job
    inputs: Inputs
    target: Target
    fingerprint: str
    outline: Mapping[str, str]
    login: Login
    build_secrets: Mapping[str, Mapping[str, str]] = field(repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)
