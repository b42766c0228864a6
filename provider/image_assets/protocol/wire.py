"""Pulumi's wire values to plain Python values and back, losing nothing.

The SDK's own `rpc.deserialize_properties` is made for programs: it lifts nested secrets, turns a secret unknown into a
secret null and drops unknown keys. The forms are those of Pulumi's "Pulumi Protobuf" property encoding.
"""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import struct_pb2

from image_assets.protocol.outputs import Output
from image_assets.values import SECRET_SIGNATURE, SIGNATURE, UNKNOWN, UNKNOWN_TEXT, Secret

OUTPUT_SIGNATURE = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
#: The other unknown sentinels differ by the value's type (Pulumi: `UnknownBoolValue` ... `UnknownObjectValue`).
UNKNOWN_TEXTS = frozenset(
    {
        UNKNOWN_TEXT,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


def decode(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Turn a struct into a dict whose values may be `UNKNOWN` or `Secret`."""
    return {key: decode_value(value) for key, value in struct.fields.items()}


def decode_value(value: struct_pb2.Value) -> Any:
    """Turn one wire value into a plain one."""
    return DECODERS[value.WhichOneof("kind")](value)


def _decode_text(value: struct_pb2.Value) -> Any:
    text = value.string_value
    return UNKNOWN if text in UNKNOWN_TEXTS else text


def _decode_number(value: struct_pb2.Value) -> int | float:
    number = value.number_value
    return int(number) if number.is_integer() else number


def _decode_struct(value: struct_pb2.Value) -> Any:
    fields = value.struct_value.fields
    if SIGNATURE in fields:
        return _decode_special(fields[SIGNATURE].string_value, fields, value.struct_value)
    return {key: decode_value(item) for key, item in fields.items()}


def _decode_special(signature: str, fields: Mapping[str, struct_pb2.Value], struct: struct_pb2.Struct) -> Any:
    if signature not in (SECRET_SIGNATURE, OUTPUT_SIGNATURE):
        return decode(struct)
    inner = decode_value(fields["value"]) if "value" in fields else UNKNOWN
    secret = signature == SECRET_SIGNATURE or ("secret" in fields and fields["secret"].bool_value)
    return Secret(inner) if secret and not isinstance(inner, Secret) else inner


DECODERS: Mapping[Any, Callable[[struct_pb2.Value], Any]] = {
    None: lambda _value: None,
    "null_value": lambda _value: None,
    "bool_value": lambda value: value.bool_value,
    "number_value": _decode_number,
    "string_value": _decode_text,
    "list_value": lambda value: [decode_value(item) for item in value.list_value.values],
    "struct_value": _decode_struct,
}


def decode_outputs(struct: struct_pb2.Struct, dependencies: Mapping[str, Any]) -> dict[str, Output]:
    """Turn a component's inputs or a method's arguments into outputs.

    Args:
        struct: The values.
        dependencies: What each property comes from (`.urns`), as the request tells it.
    """
    return {
        key: Output(decode_value(value), frozenset(dependencies[key].urns) if key in dependencies else frozenset())
        for key, value in struct.fields.items()
    }


def encode(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Turn a dict back into a struct."""
    struct = struct_pb2.Struct()
    for key, value in values.items():
        encode_into(value, struct.fields[key])
    return struct


def encode_into(value: Any, target: struct_pb2.Value) -> None:
    """Write one plain value into a wire value."""
    if value is None:
        target.null_value = struct_pb2.NULL_VALUE
    elif value is UNKNOWN:
        target.string_value = UNKNOWN_TEXT
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int | float):
        target.number_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, Secret):
        target.struct_value.CopyFrom(encode({SIGNATURE: SECRET_SIGNATURE, "value": value.value}))
    elif isinstance(value, Mapping):
        target.struct_value.SetInParent()
        for key, item in value.items():
            encode_into(item, target.struct_value.fields[key])
    else:
        target.list_value.SetInParent()
        for item in value:
            encode_into(item, target.list_value.values.add())
