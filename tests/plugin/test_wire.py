"""Pulumi's wire values survive both ways."""

from typing import Any

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from image_assets.protocol import wire
from image_assets.values import SIGNATURE, UNKNOWN, UNKNOWN_TEXT, Secret

TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
KEYS = TEXT.filter(lambda key: key != SIGNATURE)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**50), 2**50), st.floats(allow_nan=False, allow_infinity=False), TEXT
)
MARKED = st.one_of(LEAVES, st.just(UNKNOWN))
VALUES = st.recursive(
    MARKED,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(KEYS, inner, max_size=3),
        inner.filter(lambda value: not isinstance(value, Secret)).map(Secret),
    ),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_every_value_survives_both_ways(values: dict[str, Any]) -> None:
    assert wire.decode(wire.encode(values)) == values


def output_value(**fields: Any) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update({"p": {SIGNATURE: wire.OUTPUT_SIGNATURE, **fields}})
    return struct


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"value": "x"}, "x"),
        ({}, UNKNOWN),
        ({"value": "x", "secret": True}, Secret("x")),
        ({"secret": True}, Secret(UNKNOWN)),
        ({"value": {"a": UNKNOWN_TEXT}, "dependencies": ["urn"]}, {"a": UNKNOWN}),
    ],
)
def test_an_output_value_is_its_value_with_its_marks(fields: dict[str, Any], expected: Any) -> None:
    assert wire.decode(output_value(**fields)) == {"p": expected}


@pytest.mark.parametrize("sentinel", sorted(wire.UNKNOWN_TEXTS))
def test_every_type_of_unknown_is_unknown(sentinel: str) -> None:
    struct = struct_pb2.Struct()
    struct.update({"p": sentinel})
    assert wire.decode(struct) == {"p": UNKNOWN}
