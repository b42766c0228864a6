"""From an image's inputs to what the builder is asked for."""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from image_assets.aws.names import parse_host
from image_assets.context import Staged
from image_assets.custom_resource import Job
from image_assets.docker import BuildSpec, SecretSource
from image_assets.docker.secrets import missing
from image_assets.inputs.image import Inputs
from image_assets.inputs.options import BuildOptions
from image_assets.inputs.property_path import join
from image_assets.inputs.settings import Settings
from image_assets.logins.registries import Registries
from image_assets.oci.keychain import Credential
from image_assets.plan.bases import Pins
from image_assets.plan.plan import dockerfile_of, platforms_of
from image_assets.publishing.request import PublishRequest
from image_assets.reference import Reference


def build_spec(
    request: PublishRequest, context: Staged, pins: Pins, settings: Settings, registries: Registries
) -> BuildSpec:
    """Return what the builder is asked for."""
    inputs = request.inputs
    builder = builder_of(inputs, settings)
    made_here = {
        "build_contexts": {**inputs.build_contexts, **pins.given},
        "platforms": platforms_of(inputs, settings),
        "labels": {**resource_labels(request.job), **inputs.labels},
    }
    to_push, to_build = credentials(request, tuple(texts_of(inputs, context.dockerfile)), registries)
    return BuildSpec(
        **{option.name: getattr(inputs, option.name) for option in dataclasses.fields(BuildOptions)} | made_here,
        context=context.directory,
        dockerfile=context.dockerfile,
        pinned=pins.contexts,
        secrets=tuple(secret_sources(request.build_secrets)),
        executable=builder["executable"],
        builder=builder.get("name"),
        credentials=to_push,
        base_credentials=to_build,
        hidden=request.hidden,
        shown_context=Path(inputs.directory or ""),
        shown_dockerfile=dockerfile_of(inputs, settings),
    )


def builder_of(inputs: Inputs, settings: Settings) -> dict[str, str]:
    """Return the program that builds, and its builder's name if one is given."""
    return {"executable": "docker", **settings.builder, **inputs.builder}


def secret_sources(secrets: Mapping[str, Mapping[str, str]]) -> Iterator[SecretSource]:
    """Yield the build secrets."""
    for name, source in secrets.items():
        file = Path(source["file"]) if "file" in source else None
        yield SecretSource(name, source.get("value"), source.get("env"), file)


def missing_secrets(secrets: Mapping[str, Mapping[str, str]], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the build secrets whose variable or file is not there, and what is missing."""
    for source in secret_sources(secrets):
        if reason := missing(source, environ):
            yield f"{join('buildSecrets', source.id)}: {reason}"


def resource_labels(job: Job) -> dict[str, str]:
    """Return labels that say which resource built the image, also on its copies: a build has one digest everywhere.

    They never count for the fingerprint.
    """
    return {"io.pulumi.project": job.project, "io.pulumi.stack": job.stack, "io.pulumi.resource": job.name}


def credentials(
    request: PublishRequest, texts: Sequence[str], registries: Registries
) -> tuple[Mapping[str, Credential], Mapping[str, Credential]]:
    """Return the logins of a builder for base images, caches and the push, and those of one that pushes nothing.

    Builders know one login for a registry, so it matters which image comes first.
    """
    logins, target = registries.logins, request.target.repository
    images = [
        (image.repository.registry, image.repository.full_path)
        for host in sorted({host for host, _ in logins.places()})
        for image in sorted(images_of(host, texts), key=str)
    ]
    ecr = [(host, "") for host in sorted(ecr_hosts(texts))]
    pushed = (target.registry, target.full_path)
    keychain = logins.keychain(request.login, request.job.task)
    others = [*images, *ecr]
    return keychain.for_builder([pushed, *others], pushed), keychain.for_builder([*others, pushed], pushed)


def ecr_hosts(texts: Iterable[str]) -> set[str]:
    """Return the hosts of ECR that are named anywhere in some texts."""
    return {word for text in texts for word in re.findall(r"[\w.-]+", text) if parse_host(word)}


def images_of(registry: str, texts: Iterable[str]) -> set[Reference]:
    """Return the images of one registry that are named anywhere in some texts."""
    words = {word for text in texts for word in re.findall(rf"(?<![\w.-]){re.escape(registry)}/[\w./:@-]+", text)}
    found = set()
    for word in words:
        with suppress(ValueError):
            found.add(Reference.parse(word))
    return found


def texts_of(inputs: Inputs, dockerfile: Path) -> Iterator[str]:
    """Yield what may name an image: the Dockerfile, arguments, named contexts and cache backends."""
    if inputs.dockerfile_inline is not None:
        yield inputs.dockerfile_inline
    with suppress(OSError, ValueError):
        yield dockerfile.read_text(encoding="utf-8")
    yield from inputs.build_args.values()
    yield from inputs.build_contexts.values()
    for option in (*inputs.cache_from, *inputs.cache_to):
        yield from option.params.values()
