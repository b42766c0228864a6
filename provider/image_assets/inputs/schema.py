"""The Pulumi package schema, made from the tables of inputs: `python -m image_assets.inputs.schema` prints it.

Rules: Pulumi's "Package schema" document and pkg/codegen/schema. Components are marked with `isComponent`; a method is
a function whose token is `TYPE/METHOD` and whose first input is `__self__`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from image_assets import HOME, __version__
from image_assets.inputs.examples import with_examples
from image_assets.inputs.field import Counts, Field
from image_assets.inputs.function_fields import FUNCTION_FIELDS, FUNCTIONS, Function
from image_assets.inputs.grant_fields import CHAINED, GRANT_METHODS, GRANTS_FIELDS, POLICY_STATEMENT_FIELDS
from image_assets.inputs.image import ASSET_FIELDS, IMAGE_FIELDS
from image_assets.inputs.replica_fields import COPY_FIELDS, DESTINATIONS_FIELDS, REPLICA_FIELDS
from image_assets.inputs.repository_fields import IMAGE_REPOSITORY_FIELDS
from image_assets.inputs.settings import SETTINGS
from image_assets.inputs.types import Choices, Listing, Mapped, Property, Record, Shape, Text

PACKAGE = "image-assets"

IMAGE_PROPERTIES: Mapping[str, str] = {
    "imageUri": "The image's address, `repository:tag`; known in the first preview.",
    "imageTag": "The tag: the prefix and the first 32 digits of `assetHash`.",
    "assetHash": "The fingerprint of the content, 64 hexadecimal digits.",
    "imageDigest": "The digest of the manifest or index that the registry serves.",
    "imageDigestUri": "The image's address by digest, `repository@digest`.",
    "repositoryUrl": "The repository, `registry/path`.",
    "repositoryName": "The repository's path in its registry.",
    "repositoryArn": "The repository's ARN, if it is one of Amazon ECR.",
    "platforms": "The platforms of the image, as `os/architecture`.",
}

ASSET_PROPERTIES: Mapping[str, str] = {
    **IMAGE_PROPERTIES,
    "destinationUris": "The image's address in each of the `destinations`, in their order.",
}

REPLICA_PROPERTIES: Mapping[str, str] = {
    **IMAGE_PROPERTIES,
    "imageTag": "The tag: the given one, the source's, or the first 32 digits of the source's digest.",
    "assetHash": "The 64 hexadecimal digits of the source's digest.",
}

ASSETS: Mapping[str, str] = {
    "DockerImageAsset": "An image built from a directory with a Dockerfile, under a tag that names its content.",
    "TarballImageAsset": "An image from an archive, published without docker under a tag that names its content.",
}

#: Outputs that are lists.
LISTS = frozenset({"platforms", "destinationUris"})

REPOSITORY_PROPERTIES: Mapping[str, str] = {
    "repositoryUrl": "The repository, `registry/path`; known in the first preview.",
    "repositoryName": "The repository's name.",
    "repositoryArn": "The repository's ARN.",
}

#: Outputs that a resource may lack.
OPTIONAL_PROPERTIES = frozenset({"repositoryArn"})


def reversed_domain(home: str) -> str:
    """Return the start of Java's package names: the parts of the domain from its end, then those of the path."""
    domain, *path = home.split("/")
    return ".".join(part.replace("-", "") for part in (*reversed(domain.split(".")), *path))


#: How an input of an asset counts, for the end of its description.
COUNTING: Mapping[Counts, str] = {
    Counts.NOT: "It does not count for the fingerprint.",
    Counts.OPTION: "It counts for the fingerprint: a change makes another tag.",
    Counts.CONTENT: "It counts for the fingerprint by what it makes of the image's content.",
}

Describe = Callable[[Iterable[Field]], dict[str, Any]]
"""Gives inputs by name as the schema has them."""

LANGUAGES: Mapping[str, Any] = {
    "python": {
        "respectSchemaVersion": True,
        "pyproject": {"enabled": True},
        "requires": {"pulumi": ">=3.165.0,<4.0.0"},
    },
    "nodejs": {"respectSchemaVersion": True, "packageName": "@image-assets/pulumi"},
    "go": {
        "respectSchemaVersion": True,
        "generateResourceContainerTypes": True,
        "importBasePath": f"{HOME}/sdk/go/imageassets",
    },
    "csharp": {"respectSchemaVersion": True, "rootNamespace": "ImageAssets", "namespaces": {PACKAGE: "Sdk"}},
    "java": {
        "basePackage": reversed_domain(HOME),
        "buildFiles": "gradle",
        "dependencies": {"com.pulumi:pulumi": "1.36.1"},
    },
}


def package_schema() -> dict[str, Any]:
    """Return the whole schema."""
    return with_methods(
        {
            "name": PACKAGE,
            "displayName": "Image Assets",
            "version": __version__,
            "description": "Container images from directories and archives, named by their content.",
            "keywords": ["pulumi", "docker", "container", "image", "registry", "kind/component", "category/cloud"],
            "homepage": f"https://{HOME}",
            "repository": f"https://{HOME}/source",
            "logoUrl": f"https://{HOME}/logo.svg",
            "pluginDownloadURL": f"https://{HOME}/releases/v${{VERSION}}",
            "license": "Apache-2.0",
            "publisher": "image-assets",
            # supportPack: the Go SDK gets its go.mod, the Python SDK its own version.
            "meta": {"moduleFormat": "(.*)", "supportPack": True},
            "language": dict(LANGUAGES),
            "config": {"variables": properties(SETTINGS.members)},
            "provider": {"description": SETTINGS.doc, "inputProperties": properties(SETTINGS.members)},
            "types": types(),
            "resources": resources(),
            "functions": functions(),
        }
    )


def resources() -> dict[str, Any]:
    """Return the resources: those that programs declare, and those that these are made of."""
    return exemplified({**components(), **children()})


def components() -> dict[str, Any]:
    """Return what programs declare."""
    return {
        **{
            name: component(doc, ASSET_FIELDS[token(name)], ASSET_PROPERTIES, describe=asset_properties)
            for name, doc in ASSETS.items()
        },
        "ImageReplica": component(
            "A copy of an image that is somewhere already; its digest is kept.",
            REPLICA_FIELDS,
            REPLICA_PROPERTIES,
        ),
        "ImageRepository": component(
            "An Amazon ECR repository that the program owns, for assets to share.",
            IMAGE_REPOSITORY_FIELDS + GRANTS_FIELDS,
            REPOSITORY_PROPERTIES,
        ),
    }


def children() -> dict[str, Any]:
    """Return the custom resources, which components make."""
    return {
        "PublishedImage": resource(
            "An image in a registry: what an asset component makes. Not meant to be used by itself.",
            IMAGE_FIELDS,
            IMAGE_PROPERTIES,
            required=["repository"],
            describe=asset_properties,
        ),
        "CopiedImage": resource(
            "A copy of an image: what a replica makes, and an asset for each of its destinations. "
            "Not meant to be used by itself.",
            COPY_FIELDS,
            REPLICA_PROPERTIES,
            required=["source", "repository"],
        ),
        "RepositoryPolicyStatement": resource(
            "One statement of an Amazon ECR repository's policy; the other statements are left alone.",
            POLICY_STATEMENT_FIELDS,
            {"sid": "The statement's Sid in the policy document."},
        ),
    }


def exemplified(made: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return resources or functions by their tokens, with examples in their descriptions."""
    return {token(name): {**one, "description": with_examples(name, one["description"])} for name, one in made.items()}


def component(
    doc: str, fields: tuple[Field, ...], outputs: Mapping[str, str], *, describe: Describe | None = None
) -> dict[str, Any]:
    """Return a component; `with_methods` adds its methods."""
    return {"isComponent": True, **resource(doc, fields, outputs, describe=describe)}


def resource(
    doc: str,
    fields: tuple[Field, ...],
    outputs: Mapping[str, str],
    *,
    required: list[str] | None = None,
    describe: Describe | None = None,
) -> dict[str, Any]:
    """Return what components and custom resources share.

    Args:
        doc: Its description.
        fields: Its inputs.
        outputs: Its outputs, with their descriptions.
        required: The inputs that must be given; None for what the table says.
        describe: What describes the inputs; None for `properties`.
    """
    return {
        "description": doc,
        "inputProperties": (describe or properties)(fields),
        "requiredInputs": required_of(fields) if required is None else required,
        "properties": {name: output(name, text) for name, text in outputs.items()},
        "required": [name for name in outputs if name not in OPTIONAL_PROPERTIES],
    }


def output(name: str, doc: str) -> dict[str, Any]:
    """Return one output."""
    shape = {"type": "array", "items": {"type": "string"}} if name in LISTS else {"type": "string"}
    return {**shape, "description": doc}


def functions() -> dict[str, Any]:
    """Return the functions, and the methods of the components."""
    made = {name: function(described) for name, described in FUNCTIONS.items()}
    for owner in (*ASSETS, "ImageReplica", "ImageRepository"):
        for name, (doc, fields) in GRANT_METHODS.items():
            made[f"{owner}/{name}"] = method(token(owner), doc, fields)
    return exemplified(made)


def function(described: Function) -> dict[str, Any]:
    """Return one function."""
    return {
        "description": described.doc,
        "inputs": {"properties": properties(described.arguments), "required": required_of(described.arguments)},
        "outputs": {"properties": dict(described.results), "required": list(described.results)},
    }


def method(owner: str, doc: str, fields: tuple[Field, ...]) -> dict[str, Any]:
    """Return one method."""
    inputs = {"__self__": {"$ref": f"#/resources/{owner}"}, **properties(fields)}
    inputs["name"]["plain"] = True
    results = {"grantId": {"type": "string", "description": "The id of the policy that was made."}} | {
        name: {"type": "string", "description": f"{text.rstrip('.')}. Whoever uses it here waits for the grant."}
        for name, text in (REPOSITORY_PROPERTIES if owner == token("ImageRepository") else IMAGE_PROPERTIES).items()
        if name in CHAINED
    }
    return {
        "description": doc,
        "inputs": {"properties": inputs, "required": ["__self__", *required_of(fields)]},
        "outputs": {
            "properties": results,
            "required": list(results),
        },
    }


def types() -> dict[str, Any]:
    """Return every object type and enum that an input uses."""
    tables: list[Iterable[Field | Property]] = [
        IMAGE_FIELDS,
        DESTINATIONS_FIELDS,
        COPY_FIELDS,
        IMAGE_REPOSITORY_FIELDS,
        POLICY_STATEMENT_FIELDS,
        GRANTS_FIELDS,
        SETTINGS.members,
        FUNCTION_FIELDS,
    ]
    named = {made.name: made for table in tables for row in table for made in named_types(row.shape)}
    return {
        token(name): enum(made) if isinstance(made, Choices) else record(made) for name, made in sorted(named.items())
    }


def record(shape: Record) -> dict[str, Any]:
    """Return an object type."""
    return {
        "type": "object",
        "description": shape.doc,
        "properties": properties(shape.members),
        "required": required_of(shape.members),
    }


def enum(choices: Choices) -> dict[str, Any]:
    """Return an enum."""
    return {
        "type": "string",
        "description": choices.doc,
        "enum": [{"name": name, "value": value} for name, value in choices.values.items()],
    }


def named_types(shape: Shape) -> Iterator[Record | Choices]:
    """Yield the object types and enums that a shape is made of."""
    if isinstance(shape, Listing | Mapped):
        yield from named_types(shape.item)
    elif isinstance(shape, Text) and shape.choices:
        yield shape.choices
    elif isinstance(shape, Record):
        yield shape
        for member in shape.members:
            yield from named_types(member.shape)


def properties(rows: Iterable[Field | Property]) -> dict[str, Any]:
    """Return properties by name."""
    return {row.name: property_of(row) for row in rows}


def asset_properties(rows: Iterable[Field]) -> dict[str, Any]:
    """Return the inputs of an asset by name; each says how it counts."""
    return {
        row.name: {**made, "description": f"{made['description']} {COUNTING[row.counts]}"}
        for row in rows
        for made in (property_of(row),)
    }


def property_of(row: Field | Property) -> dict[str, Any]:
    """Return one property."""
    secret = {"secret": True} if row.secret else {}
    return {**row.shape.schema(), "description": row.doc, **secret}


def required_of(rows: Iterable[Field | Property]) -> list[str]:
    """Return the names that must be given."""
    return [row.name for row in rows if row.required]


def token(name: str) -> str:
    """Return a type's token."""
    return f"{PACKAGE}:index:{name}"


def with_methods(schema: dict[str, Any]) -> dict[str, Any]:
    """Name in each component the functions that are its methods."""
    for name in filter(lambda one: "/" in one, schema["functions"]):
        owner, _, short = name.rpartition("/")
        schema["resources"][owner].setdefault("methods", {})[short] = name
    return schema


def main() -> None:
    """Print the schema."""
    print(json.dumps(package_schema(), indent=2, ensure_ascii=False))  # noqa: T201 - it is a command


if __name__ == "__main__":
    main()
