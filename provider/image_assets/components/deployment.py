"""What components know of where they are made: the program's deployment, and the provider instance that makes them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import Any

from image_assets.aws.settings import STACK_KEYS, AwsSettings
from image_assets.components.stack_aws import handed_on, stack_keys
from image_assets.errors import InputError
from image_assets.frozen import dataclass
from image_assets.protocol.monitor import Monitor
from image_assets.protocol.outputs import Output
from image_assets.values import empty, reveal


@dataclass(frozen=True)
class Instance:
    """The provider instance that serves this process.

    Attributes:
        reference: `URN::ID` of the provider resource, as Configure told it; empty if unknown. Children of this package
            are registered under it: without it the engine would start another process for another default provider,
            because a program's request may name a version and a component's does not.
        aws: The provider's `aws` configuration.
        secret_config: The keys of each stack's configuration that are secret, as its components told; the engine tells
            methods of none.
        refused: Why components could not be made, by URN; see `refusals`.
        failed: What could not be made; see `Monitor`.
        passed_over: The URNs of what depends on that: the engine asks for checks and differences, but makes nothing.
        owned: The URNs of the ECR repositories that this process made components for, by the repository's URL.
    """

    reference: str = ""
    aws: Mapping[str, Any] = field(default_factory=empty)
    secret_config: dict[str, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)
    refused: dict[str, InputError] = field(default_factory=dict, compare=False, repr=False)
    failed: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    passed_over: set[str] = field(default_factory=set, compare=False, repr=False)
    owned: dict[str, str] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Deployment:
    """The deployment of a program, as one Construct or Call sees it.

    Attributes:
        monitor: Where resources are registered.
        instance: The provider instance that serves it.
        project: The project's name.
        stack: The stack's name.
        stack_aws: What the stack's `aws:` configuration says about reaching ECR, as an `aws` input.
        warn: Shows a warning in a resource's row, by URN.
    """

    monitor: Monitor
    instance: Instance
    project: str
    stack: str
    stack_aws: Mapping[str, Any]
    warn: Callable[[str, str], Awaitable[None]]

    @classmethod
    def of(
        cls, request: Any, monitor: Monitor, instance: Instance, warn: Callable[[str, str], Awaitable[None]]
    ) -> "Deployment":
        """Read what a Construct or Call says of its deployment."""
        stack = f"{request.project}/{request.stack}"
        # A Call does not say what is secret (provider.proto, CallRequest).
        if secret := getattr(request, "configSecretKeys", ()):
            instance.secret_config[stack] = frozenset(secret)
        if keys := stack_keys(request.config):
            STACK_KEYS.remember(stack, keys)
        aws = handed_on(request.config, instance.secret_config.get(stack, ()), stack)
        return cls(monitor, instance, request.project, request.stack, aws, warn)

    @property
    def aws_settings(self) -> AwsSettings:
        """How AWS is reached for what the components themselves ask."""
        return AwsSettings.of(self.instance.aws, reveal(dict(self.stack_aws)))

    @property
    def aws_input(self) -> Output:
        """The `aws` input of children of this package."""
        return Output(dict(self.stack_aws) or None)

    def behind(self, url: Output) -> Output:
        """Return a repository's URL with the dependency on the repository itself, if this program owns it.

        Some languages know only that the URL comes from a component, which is never replaced. If the repository in it
        is replaced, under the same name, its images must be published again.
        """
        owner = self.instance.owned.get(str(reveal(url.value)))
        return url.depending_on({owner}) if owner else url
