"""What an update would change, decided from the stored and the wanted inputs alone."""

from collections.abc import Callable, Iterator
from typing import Any

from image_assets.custom_resource import Change, Kind, Values
from image_assets.inputs.field import Counts, Field, OnChange
from image_assets.inputs.image import default_of, fields_of
from image_assets.inputs.property_path import join, quoted
from image_assets.inputs.types import Listing, freeze
from image_assets.plan.rows import TEXT, have_texts, rows_of, shown_rows
from image_assets.reference import Repository
from image_assets.values import UNKNOWN, has_unknown, is_list, plain, reveal


def changes(olds: Values, news: Values) -> tuple[Change, ...]:
    """Return every difference that leads to an update or a replacement.

    Both are inputs as Check returned them. Paths, labels and the like that do not change the image make no
    difference; an option that counts is named only if the fingerprint changed.
    """
    found = [change for field in fields_of(news) for change in field_changes(field, olds, news)]
    if content_changed(olds, news):
        found += [*invalidation_changes(olds, news), *row_changes(olds, news)]
        found.append(Change("fingerprint", kind_of(olds, news, "fingerprint")))
    return tuple(found)


def content_changed(olds: Values, news: Values) -> bool:
    """Say whether the fingerprint changed; one that is not known yet counts as changed."""
    return plain(news.get("fingerprint")) is UNKNOWN or olds.get("fingerprint") != news.get("fingerprint")


def field_changes(field: Field, olds: Values, news: Values) -> Iterator[Change]:
    """Yield the differences of one input that matter."""
    if field.change is OnChange.FINGERPRINT:
        if field.counts is Counts.OPTION and content_changed(olds, news):
            old, new = (told(field, plain(values.get(field.name))) for values in (olds, news))
            yield from (change for change in nested_changes(field.name, old, new) if change.path not in ignored(news))
    else:
        yield from plain_changes(field, olds, news, default_of)


def told(field: Field, value: Any) -> Any:
    """Return the value of an option, None if it is what holds where none is given."""
    if value is None or field.in_memory or has_unknown(value):
        return value
    return None if freeze(field.shape, value) == default_of(field) else value


def plain_changes(field: Field, olds: Values, news: Values, default: Callable[[Field], Any]) -> Iterator[Change]:
    """Yield the difference of an input that counts by its value, given what it is when it is not given."""
    old, new = (normal(field, plain(values.get(field.name)), default) for values in (olds, news))
    if field.change is not OnChange.NOTHING and old != new:
        yield Change(field.name, kind_of(olds, news, field.name), field.change is OnChange.REPLACE)


def ignored(news: Values) -> frozenset[str]:
    """Return the paths of options that the `invalidation` input takes out of the fingerprint."""
    invalidation = reveal(news.get("invalidation")) or {}
    if invalidation is UNKNOWN:
        return frozenset()
    switched_off = {field.name for field in fields_of(news) if invalidation.get(field.switch) is False}
    args = invalidation.get("ignoredBuildArgs")
    names = args if isinstance(args, list) else []
    return frozenset(switched_off | {join("buildArgs", name) for name in names if isinstance(name, str)})


def invalidation_changes(olds: Values, news: Values) -> Iterator[Change]:
    """Yield the difference of `invalidation` if other inputs count now, or may: there may be no other reason."""
    if ignored(olds) != ignored(news) or has_unknown(news.get("invalidation")):
        yield from nested_changes("invalidation", olds.get("invalidation"), news.get("invalidation"))


def normal(field: Field, value: Any, default: Callable[[Field], Any]) -> Any:
    """Return a value in the form in which two spellings of the same are equal."""
    if value is None:
        usual = default(field)
        return list(usual) if isinstance(usual, tuple) else usual
    if field.name == "repository" and isinstance(value, str):
        return str(Repository.parse(value))
    if isinstance(field.shape, Listing) and field.shape.is_set and is_list(value) and not has_unknown(value):
        return sorted(field.shape.freeze(value))
    return reveal(value)


def kind_of(olds: Values, news: Values, name: str) -> Kind:
    """Say whether an input came, went or changed."""
    if olds.get(name) is None:
        return Kind.ADD
    return Kind.DELETE if news.get(name) is None else Kind.UPDATE


def nested_changes(path: str, old: Any, new: Any) -> Iterator[Change]:
    """Yield the differing members of a map, or the value itself."""
    old, new = plain(old), plain(new)
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if reveal(old.get(key)) != reveal(new.get(key)) or plain(new.get(key)) is UNKNOWN:
                yield Change(join(path, key), kind_of(old, new, key))
    elif reveal(old) != reveal(new) or new is UNKNOWN:
        yield Change(path, kind_of({path: old}, {path: new}, path))


def row_changes(olds: Values, news: Values) -> Iterator[Change]:
    """Yield the differing rows of the outline of what reaches the builder.

    Rows without properties of their own are printed as lines of one text; of their paths, too, tools want to know, and
    the engine prints nothing of an update of what neither side has.
    """
    old, new = rows_of(olds), rows_of(news)
    if plain(news.get("fingerprint")) is UNKNOWN:
        return
    before, after = shown_rows(olds), shown_rows(news)
    differing = [path for path in sorted(old.keys() | new.keys()) if old.get(path) != new.get(path)]
    if before and after:
        yield from (Change(row_path(path), kind_of(old, new, path)) for path in differing)
        return
    if differing and have_texts(olds, news):
        yield Change(TEXT)
    yield from (Change(row_path(path)) for path in differing if path not in before.keys() | after.keys())


def row_path(path: str) -> str:
    """Return the property path of a row."""
    return f"files[{quoted(path)}]"


def option_names(found: tuple[Change, ...]) -> list[str]:
    """Return the paths of the changed inputs, without files and fingerprint."""
    return [change.path for change in found if not change.path.startswith(("files", "fingerprint"))]
