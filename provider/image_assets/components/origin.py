"""Which provider instance a component was made by, so that its children are made by the same one."""

from dataclasses import dataclass

import pulumi

from image_assets import __version__


class _Instance(pulumi.ProviderResource):
    """A provider resource that exists already."""


@dataclass(frozen=True)
class Origin:
    """The provider instance that serves this process.

    Attributes:
        reference: `URN::ID` of the provider resource, as Configure told it; empty if unknown.
    """

    reference: str = ""

    def child(self, opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """Return options that make a child by this very instance.

        Without them the engine would start another plugin process for another default provider: a program's request
        names a version, a component's does not.
        """
        own = pulumi.ResourceOptions(version=__version__)
        return pulumi.ResourceOptions.merge(opts, own)
