"""Which provider instance a component was made by, so that its children are made by the same one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.resource import DependencyProviderResource

from image_assets.inputs.types import empty


@dataclass(frozen=True)
class Origin:
    """The provider instance that serves this process.

    Attributes:
        reference: `URN::ID` of the provider resource, as Configure told it; empty if unknown.
        aws: The provider's `aws` configuration.
        owned: The repositories that this process made components for, by URL.
    """

    reference: str = ""
    aws: Mapping[str, Any] = field(default_factory=empty)
    owned: dict[str, pulumi.Resource] = field(default_factory=dict, compare=False, repr=False)

    def child(self, opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """Return options that make a child of this package by this very instance.

        Without them the engine would start another process for another default provider: a program's request may name
        a version, a component's does not.
        """
        if not self.reference:
            return opts
        own = pulumi.ResourceOptions(provider=DependencyProviderResource(self.reference))
        return pulumi.ResourceOptions.merge(opts, own)

    def behind(self, url: pulumi.Input[str]) -> pulumi.Output[str]:
        """Return a repository's URL with the dependency on the repository itself, if this program owns it.

        Some languages know only that the URL comes from a component, which is never replaced. If the repository in it
        is replaced, under the same name, its images must be published again.
        """
        return pulumi.Output.from_input(url).apply(self._depending)

    def _depending(self, url: str) -> pulumi.Input[str]:
        repository = self.owned.get(url)
        return repository.urn.apply(lambda _: url) if repository else url
