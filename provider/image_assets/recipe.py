"""From an image's inputs to what the builder is asked for."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from image_assets.context import Staged
from image_assets.custom_resource import Job
from image_assets.docker import BuildSpec, CacheOption, SecretSource
from image_assets.oci.keychain import Credential
from image_assets.plan import is_local, platforms_of
from image_assets.registries import Registries
from image_assets.settings import Settings
from image_assets.wanted import Wanted


def build_spec(wanted: Wanted, context: Staged, base: Path, settings: Settings, registries: Registries) -> BuildSpec:
    """Return what the builder is asked for; paths of the program become absolute."""
    inputs = wanted.inputs
    builder = {**settings.builder, **inputs.builder}
    return BuildSpec(
        context=context.directory,
        dockerfile=context.dockerfile,
        build_args=inputs.build_args,
        build_contexts={name: located(value, base) for name, value in inputs.build_contexts.items()},
        secrets=tuple(secret_sources(wanted.build_secrets, base)),
        ssh=inputs.build_ssh,
        target=inputs.target,
        network=inputs.network_mode,
        platforms=platforms_of(inputs, settings),
        cache_from=tuple(map(cache_option, inputs.cache_from)),
        cache_to=tuple(map(cache_option, inputs.cache_to)),
        cache_disabled=inputs.cache_disabled,
        flags=inputs.build_flags,
        labels={**origin_labels(wanted.job), **inputs.labels},
        executable=builder.get("executable", "docker"),
        builder=builder.get("name"),
        credentials=credentials(wanted, registries),
        hidden=wanted.hidden,
        shown_context=base / (inputs.directory or ""),
        shown_dockerfile=base / (inputs.directory or "") / inputs.file,
    )


def located(value: str, base: Path) -> str:
    """Make a named context's path absolute."""
    return str(base / value) if is_local(value) else value


def secret_sources(secrets: Mapping[str, Mapping[str, str]], base: Path) -> Iterator[SecretSource]:
    """Yield the build secrets."""
    for name, source in secrets.items():
        file = base / source["file"] if "file" in source else None
        yield SecretSource(name, source.get("value"), source.get("env"), file)


def cache_option(option: Mapping[str, Any]) -> CacheOption:
    """Return one cache backend."""
    return CacheOption(option["type"], option.get("params", {}))


def origin_labels(job: Job) -> dict[str, str]:
    """Return labels that say which resource published the image; they never count for the fingerprint."""
    return {"io.pulumi.project": job.project, "io.pulumi.stack": job.stack, "io.pulumi.resource": job.name}


def credentials(wanted: Wanted, registries: Registries) -> Mapping[str, Credential]:
    """Return the logins that the builder needs: for base images, and to push."""
    repository = wanted.target.repository
    keychain = registries.keychain(repository, wanted.job.task, wanted.login)
    own = keychain.resolve(repository.registry, repository.full_path)
    return {**registries.configured, **({repository.registry: own} if own else {})}
