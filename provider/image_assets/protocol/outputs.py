"""A value together with the resources that it comes from: what passes from one registration to another."""

from collections.abc import Callable, Iterable
from typing import Any

from image_assets.frozen import dataclass
from image_assets.values import UNKNOWN, Secret, has_secret, has_unknown, reveal


@dataclass(frozen=True)
class Output:
    """A value on its way between resources.

    Attributes:
        value: A plain value that may carry the marks of `values`.
        dependencies: The URNs of the resources that it comes from.
    """

    value: Any = None
    dependencies: frozenset[str] = frozenset()

    @property
    def is_known(self) -> bool:
        """Whether every part of the value is known."""
        return not has_unknown(self.value)

    def map(self, function: Callable[[Any], Any]) -> "Output":
        """Return what a function makes of the plain value; what is unknown or secret stays so."""
        made = function(reveal(self.value)) if self.is_known else UNKNOWN
        hide = has_secret(self.value) and made is not None and made is not UNKNOWN
        return Output(Secret(made) if hide else made, self.dependencies)

    def depending_on(self, urns: Iterable[str]) -> "Output":
        """Return the value as one that comes from these resources, too."""
        return Output(self.value, self.dependencies.union(urns))

    def hidden(self) -> "Output":
        """Return the value as a secret one."""
        return self if isinstance(self.value, Secret) else Output(Secret(self.value), self.dependencies)

    def part(self, key: Any) -> "Output":
        """Return a member of a mapping or list; the member of a secret is secret."""
        if isinstance(self.value, Secret):
            return Output(self.value.value, self.dependencies).part(key).hidden()
        return Output(self.value[key], self.dependencies)


def all_of(*outputs: Output) -> Output:
    """Return one output of the list of all values."""
    return Output([output.value for output in outputs], frozenset().union(*(o.dependencies for o in outputs)))
