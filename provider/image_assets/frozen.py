"""Frozen dataclasses that are quick to define.

The standard decorator compiles six methods for each frozen class, which takes half a millisecond. The plugin is started
by every preview, and defines some eighty such classes before it answers. Here `__init__` alone is compiled for each
class; the other methods are the same for all.
"""

import dataclasses
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: type | None = None, /, *, frozen: bool = False, **chosen: bool) -> Any:
        """Make a class a dataclass, as the standard decorator does."""
        if cls is None:
            return lambda decorated: dataclass(decorated, frozen=frozen, **chosen)
        if not frozen or chosen.keys() & {"slots", "order", "unsafe_hash"}:
            return dataclasses.dataclass(cls, frozen=frozen, **chosen)
        names = ["__setattr__", "__delattr__"]
        names += ["__repr__"] if chosen.pop("repr", True) else []
        names += ["__eq__", "__hash__"] if chosen.pop("eq", True) else []
        for name in names:
            # A class that defines `__eq__` alone has None as its `__hash__`.
            if vars(cls).get(name) is None:
                setattr(cls, name, vars(_Shared)[name])
        return dataclasses.dataclass(cls, repr=False, eq=False, **chosen)


def _reader(cls: Any) -> Callable[[Any], Any]:
    """Return what reads the fields that make two instances the same."""
    names = [one.name for one in dataclasses.fields(cls) if one.compare]
    return attrgetter(*names) if names else lambda _self: ()


_compared: Callable[[type], Callable[[Any], Any]] = cache(_reader)


class _Shared:
    """The methods of all classes."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __setattr__(self, name: str, value: Any) -> None:
        # `__init__` assigns each field once.
        if name in self.__dict__ or name not in self.__dataclass_fields__:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

    def __repr__(self) -> str:
        told = (f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr)
        return f"{type(self).__qualname__}({', '.join(told)})"

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        values = _compared(type(self))
        return bool(values(self) == values(other))

    def __hash__(self) -> int:
        return hash(_compared(type(self))(self))
