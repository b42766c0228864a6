"""Pulumi's options on a component: what becomes of each on the component itself, and on its children.

The engine gives most of them no effect on a component (resource.proto, ConstructRequest), so the children get them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from image_assets.protocol.messages import provider_pb2, resource_pb2

Request = resource_pb2.RegisterResourceRequest

#: Fields that mean the same in both requests.
_SHARED = ("protect", "retainOnDelete", "deletedWith", "customTimeouts", "replace_with", "replacement_trigger")
_COMPONENT = ("parent", "providers", "aliases", "dependencies", "ignoreChanges", "replaceOnChanges")
_CHILD = ("deleteBeforeReplace",)
#: Options that name properties, so that they mean something else on another resource.
_PROPERTY_LISTS = ("ignoreChanges", "replaceOnChanges", "additionalSecretOutputs")
_ALL = "*"


class Options:
    """What a program says of one component by Pulumi's options.

    Attributes:
        request: What it says.
        failed: The URNs of what could not be made and the component depends on: its children do so, too, so that the
            engine passes over them.
    """

    def __init__(
        self, request: provider_pb2.ConstructRequest | None = None, failed: frozenset[str] = frozenset()
    ) -> None:
        self.request = request or provider_pb2.ConstructRequest()
        self.failed = failed

    def provider(self, package: str) -> str:
        """Return the provider instance (`URN::ID`) that the component's children of a package have, or nothing."""
        return self.request.providers.get(package, "")

    @property
    def parent(self) -> str:
        """The URN of the component's parent, or nothing."""
        return self.request.parent

    @property
    def secret_outputs(self) -> frozenset[str]:
        """The outputs that the program wants to be secret."""
        return frozenset(self.request.additionalSecretOutputs)

    def component(self, token: str, name: str) -> Request:
        """Return the request that registers the component itself."""
        request = Request(type=token, name=name)
        _copy(self.request, request, (*_SHARED, *_COMPONENT))
        if self.request.HasField("resource_hooks"):
            request.hooks.ParseFromString(self.request.resource_hooks.SerializeToString())
        return request

    def child(self, token: str, name: str, parent: str, properties: Mapping[str, str] | None = None) -> Request:
        """Return the request that registers a child.

        Args:
            token: The child's type.
            name: The child's name.
            parent: The component's URN.
            properties: The child's name for each property of the component, where one has another name or is another
                resource's; None: all are the same.
        """
        request = Request(type=token, name=name, parent=parent, custom=True)
        request.dependencies.extend(sorted(self.failed))
        request.provider = self.provider(token.partition(":")[0])
        _copy(self.request, request, (*_SHARED, *_CHILD))
        request.deleteBeforeReplaceDefined = self.request.HasField("deleteBeforeReplace")
        for field in _PROPERTY_LISTS:
            getattr(request, field).extend(_renamed(getattr(self.request, field), properties))
        return request

    def nested(self, parent: str) -> "Options":
        """Return the options of a component within this one, whose properties are others."""
        request = provider_pb2.ConstructRequest(parent=parent, providers=self.request.providers)
        _copy(self.request, request, _SHARED)
        for field in _PROPERTY_LISTS:
            getattr(request, field).extend(path for path in getattr(self.request, field) if path == _ALL)
        return Options(request, self.failed)


def _copy(
    source: provider_pb2.ConstructRequest, target: Request | provider_pb2.ConstructRequest, fields: Iterable[str]
) -> None:
    """Copy what is set; messages that both requests define alike go by their bytes."""
    wanted = frozenset(fields)
    for descriptor, value in source.ListFields():
        if descriptor.name not in wanted:
            continue
        if descriptor.message_type is None and not descriptor.is_repeated:
            setattr(target, descriptor.name, value)
        elif descriptor.message_type is not None and not descriptor.is_repeated:
            getattr(target, descriptor.name).ParseFromString(value.SerializeToString())
        elif descriptor.name == "providers":
            target.providers.update(value)
        else:
            getattr(target, descriptor.name).extend(value)


def _renamed(paths: Iterable[str], properties: Mapping[str, str] | None) -> Iterator[str]:
    for path in paths:
        head = re.split(r"[.\[]", path, maxsplit=1)[0]
        if properties is None or path == _ALL:
            yield path
        elif head in properties:
            name = properties[head]
            yield name + path[len(head) :] if name == head else name
