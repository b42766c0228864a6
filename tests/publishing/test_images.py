"""What a build gives, with each program that builds (R19, R22, R46)."""

import gzip
import io
import json
import os
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from image_assets.context.with_digests import with_digests
from image_assets.docker import CacheOption
from image_assets.docker.spec import KeptCache
from image_assets.errors import BuildError
from image_assets.inputs.settings import Settings
from image_assets.logins.given import GivenLogins, Login
from image_assets.logins.registries import Registries
from image_assets.publishing.build import Built, PushedByDigest, StoredImage, try_build
from image_assets.publishing.description import describe
from image_assets.reference import Reference, Repository
from image_assets.task import Task
from tests.fakes.images import OCI_MANIFEST, MadeImage, oci_image, tar_of
from tests.publishing.conftest import BASE, Heard, NewFlavour, built, spec_for
from tests.support.builders import Flavour, add_remote_builder, node
from tests.support.contexts import make_context
from tests.support.registry import Registry

MANIFESTS = {"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json"}
INDEXES = {"application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.image.index.v1+json"}


def publish(image: Built, destination: Repository) -> str:
    """Bring the image to the registry; return what names it there."""
    if isinstance(image, PushedByDigest):
        return image.digest
    assert isinstance(image, StoredImage)
    try:
        image.push(f"{destination}:pushed")
    finally:
        image.discard()
    return "pushed"


def test_a_built_image_reaches_the_registry_as_a_plain_manifest_with_what_was_asked_for(
    flavour: Flavour, context: Path, destination: Repository, registry: Registry, heard: Heard
) -> None:
    """R22, R19."""
    (context / "Dockerfile").write_text(
        BASE + "ARG V=none\nRUN busybox echo $V > /v\nENV V=$V\nFROM scratch AS other\nCOPY busybox /other\n"
        "FROM scratch AS wanted\nARG V\nENV GIVEN=$V\nCOPY busybox /wanted\n\nFROM scratch\nCOPY busybox /last\n"
    )
    spec = spec_for(
        flavour, context, build_args={"V": 'with "quotes", commas'}, target="wanted", labels={"a.b/c": "x=y, z"}
    )
    image = built(flavour, spec, destination, heard.task)
    name = publish(image, destination)
    assert registry.manifest(destination.path, name)["mediaType"] in MANIFESTS
    config = registry.config(destination.path, name)
    assert config["architecture"] == "amd64"
    assert config["config"]["Labels"]["a.b/c"] == "x=y, z"
    assert 'GIVEN=with "quotes", commas' in config["config"]["Env"]
    assert heard.warn == []
    assert heard.info == []
    assert any("COPY busybox /wanted" in line for line in heard.status)


def test_a_builder_that_pushes_writes_no_tag(
    new_flavour: NewFlavour, context: Path, destination: Repository, registry: Registry
) -> None:
    flavour = new_flavour("remote")
    image = built(flavour, spec_for(flavour, context), destination, Task())
    assert isinstance(image, PushedByDigest)
    assert registry.tags(destination.path) == []
    answer = registry.ask("HEAD", f"/v2/{destination.path}/manifests/{image.digest}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, image.media_type)
    assert int(answer.headers["Content-Length"]) == image.size


@pytest.mark.parametrize("name", ["embedded", "buildx", "podman"])
def test_a_local_image_can_be_saved_and_leaves_no_name_behind(
    name: str, new_flavour: NewFlavour, context: Path, destination: Repository
) -> None:
    """R48."""
    flavour = new_flavour(name)
    before = flavour.held()
    image = built(flavour, spec_for(flavour, context), destination, Task())
    assert isinstance(image, StoredImage)
    with image.save() as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        manifest = next(json.load(archive.extractfile(member) or stream) for member in archive if is_manifest(member))
    assert len(manifest[0]["Layers"]) == len(image.diff_ids) == 2
    image.push(f"{destination}:once")
    image.discard()
    assert flavour.held() - before == set()
    assert not flavour.docker("images", "-q", f"{destination}:once").strip()


def is_manifest(member: tarfile.TarInfo) -> bool:
    return member.name == "manifest.json"


def test_a_push_leaves_the_users_own_image_of_that_name_alone(
    new_flavour: NewFlavour, context: Path, destination: Repository
) -> None:
    flavour = new_flavour("embedded")
    own = built(flavour, spec_for(flavour, context, labels={"own": "yes"}), destination, Task())
    assert isinstance(own, StoredImage)
    flavour.docker("tag", own.image_id, f"{destination}:mine")
    image = built(flavour, spec_for(flavour, context, labels={"own": "no"}), destination, Task())
    assert isinstance(image, StoredImage)
    image.push(f"{destination}:mine")
    image.discard()
    own.discard()
    labels = flavour.docker("image", "inspect", "--format", "{{.Config.Labels.own}}", f"{destination}:mine")
    flavour.docker("image", "rm", f"{destination}:mine")
    assert labels.strip() == "yes"


def test_two_builds_of_one_image_do_not_take_it_from_each_other(
    new_flavour: NewFlavour, context: Path, destination: Repository
) -> None:
    flavour = new_flavour("embedded")
    first = built(flavour, spec_for(flavour, context), destination, Task())
    second = built(flavour, spec_for(flavour, context), destination, Task())
    assert isinstance(first, StoredImage)
    assert isinstance(second, StoredImage)
    first.push(f"{destination}:first")
    first.discard()
    second.push(f"{destination}:second")
    second.discard()


def test_a_list_of_platforms_becomes_an_index(
    new_flavour: NewFlavour, context: Path, destination: Repository, registry: Registry
) -> None:
    """R28."""
    flavour = new_flavour("remote")
    spec = spec_for(flavour, context, platforms=("linux/arm64", "linux/amd64"))
    image = built(flavour, spec, destination, Task())
    assert isinstance(image, PushedByDigest)
    index = registry.manifest(destination.path, image.digest)
    assert image.media_type in INDEXES
    assert {entry["platform"]["architecture"] for entry in index["manifests"]} == {"amd64", "arm64"}


@pytest.mark.parametrize(
    ("name", "said"), [("embedded", "buildx"), ("buildx", "builder `default`"), ("podman", "podman")]
)
def test_a_program_that_makes_one_platform_only_says_so(
    name: str, said: str, new_flavour: NewFlavour, context: Path, destination: Repository
) -> None:
    """R20."""
    flavour = new_flavour(name)
    spec = spec_for(flavour, context, platforms=("linux/arm64", "linux/amd64"))
    with pytest.raises(BuildError, match="platform") as caught:
        built(flavour, spec, destination, Task())
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["embedded", "buildx"])
def test_an_image_of_another_platform_than_asked_for_is_refused(
    name: str, new_flavour: NewFlavour, context: Path, tmp_path: Path, destination: Repository
) -> None:
    """R20: the program does not heed `--platform`."""
    flavour = new_flavour(name)
    deaf = write_deaf_program(flavour, tmp_path / "deaf" / "docker")
    before = flavour.held()
    spec = spec_for(flavour, context, executable=str(deaf), platforms=("linux/s390x",))
    with pytest.raises(BuildError, match="is for linux/amd64, not for linux/s390x as asked"):
        built(flavour, spec, destination, Task())
    assert flavour.held() == before


def write_deaf_program(flavour: Flavour, path: Path) -> Path:
    """Write a program that calls the real one, but for another platform."""
    path.parent.mkdir()
    swap = "for a; do shift; test $a = linux/s390x && a=linux/amd64; set -- $@ $a; done"
    path.write_text(f"#!/bin/sh\n{swap}\n{shutil.which(flavour.executable)} $@\n")
    path.chmod(0o755)
    return path


def test_a_base_image_of_another_platform_is_a_warning(
    new_flavour: NewFlavour, context: Path, destination: Repository, heard: Heard
) -> None:
    """R20: BuildKit writes the platform that was asked for into such an image."""
    flavour = new_flavour("remote")
    base = f"{destination}-base:1"
    flags = ("--output", f"type=image,name={base},push=true")
    built(flavour, spec_for(flavour, context, platforms=("linux/arm64",), build_flags=flags), destination, Task())
    (context / "Dockerfile").write_text(f"FROM {base}\nCOPY busybox /b\n")
    built(flavour, spec_for(flavour, context), destination, heard.task)
    assert len(heard.warn) == 1
    assert 'pulled with platform "linux/arm64", expected "linux/amd64"' in heard.warn[0]


def test_an_ignore_file_beside_the_dockerfile_is_the_only_one_that_counts(
    flavour: Flavour, context: Path, tmp_path: Path, destination: Repository, registry: Registry
) -> None:
    """R25, R46: the Dockerfile stands outside the context."""
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "My.Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (outside / "My.Dockerfile.dockerignore").write_text("busybox\nsecret.txt\n")
    (context / ".dockerignore").write_text("kept.txt\n")
    (context / ".containerignore").write_text("kept.txt\n")
    (context / "kept.txt").write_text("kept")
    (context / "secret.txt").write_text("no")
    spec = spec_for(flavour, context, dockerfile=outside / "My.Dockerfile")
    name = publish(built(flavour, spec, destination, Task()), destination)
    assert layer_names(registry, destination, name) >= {"kept.txt", ".dockerignore"}
    assert not layer_names(registry, destination, name) & {"busybox", "secret.txt"}


def layer_names(registry: Registry, destination: Repository, name: str) -> set[str]:
    found: set[str] = set()
    for layer in registry.manifest(destination.path, name)["layers"]:
        content = gzip.decompress(registry.blob(destination.path, layer["digest"]))
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            found |= set(archive.getnames())
    return found


@pytest.mark.parametrize("name", ["buildx", "remote", "podman"])
def test_a_named_context_is_used(
    name: str, new_flavour: NewFlavour, context: Path, tmp_path: Path, destination: Repository
) -> None:
    flavour = new_flavour(name)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "hello.txt").write_text("hello")
    (context / "Dockerfile").write_text(BASE + "COPY --from=more hello.txt /\nRUN busybox grep hello /hello.txt\n")
    spec = spec_for(flavour, context, build_contexts={"more": str(tmp_path / "other")})
    if name == "buildx" and "20.10" in flavour.docker("version"):
        with pytest.raises(BuildError, match="newer BuildKit"):
            built(flavour, spec, destination, Task())
        return
    built(flavour, spec, destination, Task()).discard()


def test_verbatim_flags_and_the_network_reach_the_program(
    either: Flavour, context: Path, destination: Repository
) -> None:
    """R46."""
    (context / "Dockerfile").write_text(BASE + "RUN busybox grep 10.1.2.3 /etc/hosts\n")
    spec = spec_for(either, context, build_flags=("--add-host", "here.invalid:10.1.2.3"))
    built(either, spec, destination, Task()).discard()
    (context / "Dockerfile").write_text(BASE + "RUN test $(busybox ls /sys/class/net) = lo\n")
    built(either, spec_for(either, context, network_mode="none"), destination, Task()).discard()


def test_a_cache_that_is_not_there_is_a_warning_only(
    either: Flavour, context: Path, destination: Repository, heard: Heard
) -> None:
    """R15."""
    missing = CacheOption("registry", {"ref": f"{destination}-cache"})
    built(either, spec_for(either, context, cache_from=(missing,)), destination, heard.task).discard()
    assert len(heard.warn) == 1


def test_a_cache_goes_to_the_registry_and_comes_back(
    new_flavour: NewFlavour, context: Path, destination: Repository, registry: Registry, tmp_path: Path
) -> None:
    """R15: several entries, several types."""
    flavour = new_flavour("remote")
    to = (
        CacheOption("registry", {"ref": f"{destination}-cache", "mode": "max"}),
        CacheOption("local", {"dest": str(tmp_path / "a, b")}),
    )
    source = (to[0], CacheOption("local", {"src": str(tmp_path / "a, b")}))
    built(flavour, spec_for(flavour, context, cache_to=to), destination, Task())
    assert registry.tags(f"{destination.path}-cache") == ["latest"]
    assert (tmp_path / "a, b" / "index.json").exists()
    again = built(flavour, spec_for(flavour, context, cache_from=source), destination, Task())
    assert again.report.summary.endswith("2 steps, 2 of them cached")


@pytest.mark.parametrize(("name", "kind"), [("embedded", "registry"), ("buildx", "registry"), ("podman", "s3")])
def test_a_cache_that_the_program_cannot_write_is_a_clear_error(
    name: str, kind: str, new_flavour: NewFlavour, context: Path, destination: Repository
) -> None:
    flavour = new_flavour(name)
    spec = spec_for(flavour, context, cache_to=(CacheOption(kind, {"ref": f"{destination}-cache"}),))
    with pytest.raises(BuildError, match="cacheTo"):
        built(flavour, spec, destination, Task())


NOWHERE = {"ref": "localhost:1/none:cache-app"}
KEPT = KeptCache(
    "registry", CacheOption("registry", NOWHERE), CacheOption("registry", {**NOWHERE, "ignore-error": "true"})
)


def test_a_kept_cache_that_can_be_neither_read_nor_written_is_two_warnings(
    new_flavour: NewFlavour, context: Path, destination: Repository, heard: Heard
) -> None:
    flavour = new_flavour("remote")
    built(flavour, spec_for(flavour, context, kept_cache=KEPT), destination, heard.task)
    assert [line.split()[0] for line in heard.warn] == ["importing", "exporting"]


def test_a_fleet_keeps_a_cache_for_each_platform(
    new_flavour: NewFlavour, context: Path, destination: Repository, registry: Registry, heard: Heard
) -> None:
    def kept(tag: str, **parts: KeptCache) -> KeptCache:
        ref = {"ref": f"{destination}:{tag}"}
        named = {name.replace("_", "/"): part for name, part in parts.items()}
        return KeptCache("registry", None, CacheOption("registry", ref), named)

    flavour = new_flavour("fleet")
    (context / "Dockerfile").write_text("FROM scratch\nCOPY busybox /busybox\n")
    kept_cache = kept("cache", linux_amd64=kept("cache-amd64"), linux_arm64=kept("cache-arm64"))
    spec = spec_for(flavour, context, platforms=("linux/amd64", "linux/arm64"), kept_cache=kept_cache)
    built(flavour, spec, destination, heard.task).discard()
    assert registry.tags(destination.path) == ["cache-amd64", "cache-arm64"]


@pytest.mark.parametrize("name", ["embedded", "buildx", "podman"])
def test_a_builder_that_keeps_no_cache_says_so_and_builds(
    name: str, new_flavour: NewFlavour, context: Path, destination: Repository, heard: Heard
) -> None:
    flavour = new_flavour(name)
    spec = spec_for(flavour, context, kept_cache=replace(KEPT, source=None))
    built(flavour, spec, destination, heard.task).discard()
    (warning,) = heard.warn
    assert "`cache: registry` keeps nothing here" in warning


def test_a_tried_build_sends_the_registry_nothing_and_keeps_nothing(
    flavour: Flavour, context: Path, destination: Repository, registry: Registry
) -> None:
    """R23."""
    before = flavour.held() if flavour.name != "remote" else set()
    cache = CacheOption({"embedded": "inline"}.get(flavour.name, "registry"), {"ref": f"{destination}-cache"})
    spec = spec_for(flavour, context, cache_to=(cache,), kept_cache=KEPT)
    report = try_build(spec, Task(), flavour.environ)
    assert "steps" in report.summary
    assert registry.requests(destination.path) == []
    assert flavour.name == "remote" or flavour.held() == before


def test_disabling_the_cache_builds_every_step_anew(either: Flavour, context: Path, destination: Repository) -> None:
    built(either, spec_for(either, context), destination, Task()).discard()
    image = built(either, spec_for(either, context, cache_disabled=True), destination, Task())
    image.discard()
    assert image.report.summary.endswith(" 0 of them cached")


def test_flags_that_hide_what_was_pushed_are_an_error(
    new_flavour: NewFlavour, context: Path, destination: Repository
) -> None:
    flavour = new_flavour("remote")
    flags = ("--metadata-file", str(context / "elsewhere"))
    with pytest.raises(BuildError, match="buildFlags"):
        built(flavour, spec_for(flavour, context, build_flags=flags), destination, Task())


def test_a_push_leaves_nothing_in_the_engines_store(
    new_flavour: NewFlavour, context: Path, destination: Repository
) -> None:
    """R48: a push notes a digest beside the tag."""
    flavour = new_flavour("embedded")
    own = built(flavour, spec_for(flavour, context, labels={"id": destination.path}), destination, Task())
    image = built(flavour, spec_for(flavour, context, labels={"id": f"{destination.path}-2"}), destination, Task())
    assert isinstance(own, StoredImage)
    assert isinstance(image, StoredImage)
    flavour.docker("tag", own.image_id, f"{destination}:mine")
    image.push(f"{destination}:other")
    image.push(f"{destination}:mine")
    image.discard()
    flavour.docker("image", "rm", f"{destination}:mine")
    own.discard()
    assert image.image_id not in flavour.docker("images", "--all", "--no-trunc", "--format", "{{.ID}}")
    assert own.image_id not in flavour.docker("images", "--all", "--no-trunc", "--format", "{{.ID}}")


@pytest.fixture
def bases(destination: Repository, registry: Registry) -> tuple[str, ...]:
    """The digests of two images, of which the second has the tag `base`."""
    digests = []
    for text in ("old", "new"):
        config = {"config": {"Env": [f"A={text}"], "WorkingDir": f"/{text}", "Labels": {"b": text}, "Cmd": [text]}}
        image = MadeImage((tar_of({"one": text.encode()}),), extra=config)
        manifest, blobs = oci_image(image)
        for blob in blobs:
            registry.put_blob(destination.path, blob)
        digests.append(registry.put_manifest(destination.path, "base", manifest, OCI_MANIFEST))
    return tuple(digests)


@pytest.mark.parametrize("name", ["embedded", "buildx", "remote", "podman"])
def test_what_is_pinned_is_built_on_though_the_tag_has_moved(  # noqa: PLR0917 - fixtures
    name: str,
    new_flavour: NewFlavour,
    bases: tuple[str, ...],
    context: Path,
    destination: Repository,
    registry: Registry,
    tmp_path: Path,
) -> None:
    """R45: also where no named contexts are known, as to docker's engine before version 23."""
    flavour = new_flavour(name)
    # Podman takes no registry for one without TLS by itself.
    insecure = tmp_path / "registries.conf"
    insecure.write_text(f'[[registry]]\nlocation = "{destination.registry}"\ninsecure = true\n')
    flavour = replace(flavour, environ={**flavour.environ, "CONTAINERS_REGISTRIES_CONF": str(insecure)})
    base = f"{destination}:base"
    written = f"FROM {base} AS a\nFROM scratch\nCOPY --from=a /one /one\nCOPY --from={base} /one /two\n".encode()
    layers = []
    for content in (with_digests(written, {base: f"{base}@{bases[0]}"}, None, {}, ("linux/amd64",)).content, written):
        (context / "Dockerfile").write_bytes(content)
        image = built(flavour, spec_for(flavour, context), destination, Task())
        if isinstance(image, StoredImage):
            layers.append(set(image.diff_ids))
            image.discard()
        elif isinstance(image, PushedByDigest):
            layers.append({layer["digest"] for layer in registry.manifest(destination.path, image.digest)["layers"]})
    assert len(layers[0]) == len(layers[1]) > 0
    assert not layers[0] & layers[1]


def test_a_digest_in_the_dockerfile_makes_the_image_that_a_named_context_makes(
    new_flavour: NewFlavour, bases: tuple[str, ...], context: Path, destination: Repository
) -> None:
    flavour, base = new_flavour("remote"), f"{destination}:base"
    dockerfile = context / "Dockerfile"
    dockerfile.write_text(
        f"ARG B={base}\nFROM $B AS x\nONBUILD COPY --from={base} /one /three\nFROM x\nCOPY busybox b\n"
        f"COPY --from={base} /one /two\nENV C=$A\nONBUILD COPY --from={base} / /\n"
    )
    image = f"{base}@{bases[0]}"
    digests = set()
    for more in ({"pinned": {base: f"docker-image://{image}"}}, {}):
        made = built(flavour, spec_for(flavour, context, source_date_epoch="1700000000", **more), destination, Task())
        assert isinstance(made, PushedByDigest)
        digests.add(made.digest)
        dockerfile.write_bytes(with_digests(dockerfile.read_bytes(), {base: image}, None, {}, ("linux/amd64",)).content)
    assert len(digests) == 1


def test_a_program_that_cannot_be_told_what_to_build_on_is_refused(
    new_flavour: NewFlavour, context: Path, destination: Repository
) -> None:
    spec = spec_for(new_flavour("embedded"), context, pinned={"base": f"docker-image://base@sha256:{'0' * 64}"})
    with pytest.raises(BuildError, match="does not know `pinBaseImages`"):
        built(new_flavour("embedded"), spec, destination, Task())


SCANNER = """\
FROM scratch
COPY busybox /bin/busybox
COPY busybox /bin/sh
COPY scan /scan
ENTRYPOINT ["/bin/sh", "/scan"]
"""
SCAN = """\
echo '{"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://spdx.dev/Document", "predicate": {}}' \\
    > "$BUILDKIT_SCAN_DESTINATION/found.spdx.json"
"""


def attestations(registry: Registry, path: str, index: dict[str, Any]) -> list[set[str]]:
    """Return the kinds of attestations of each image in an index, in its order."""
    kinds: dict[str, set[str]] = {
        one["digest"]: set() for one in index["manifests"] if one["platform"]["os"] != "unknown"
    }
    for one in index["manifests"]:
        if one["platform"]["os"] == "unknown":
            layers = registry.manifest(path, one["digest"])["layers"]
            of = one["annotations"]["vnd.docker.reference.digest"]
            kinds[of] |= {layer["annotations"]["in-toto.io/predicate-type"] for layer in layers}
    return list(kinds.values())


def test_provenance_and_sbom_make_an_index_that_keeps_its_platforms_order(
    new_flavour: NewFlavour, context: Path, destination: Repository, registry: Registry, tmp_path: Path
) -> None:
    """R22: of one platform and of several, with a generator of the user's own; also when the words come in a file."""
    flavour = new_flavour("remote")
    scanner = make_context(tmp_path / "scanner", {"scan": SCAN}, dockerfile=SCANNER)
    made = built(flavour, spec_for(flavour, scanner), destination, Task())
    assert isinstance(made, PushedByDigest)
    generator = f"{destination}@{made.digest}"
    several = ("linux/amd64", "linux/arm/v7", "linux/arm64")
    for platforms, hidden in (((several[0],), ()), (several, ()), (several, ("hidden",))):
        (context / "Dockerfile").write_text("FROM scratch\nCOPY busybox /busybox\n")
        spec = spec_for(
            flavour,
            context,
            platforms=platforms,
            provenance="max",
            sbom=generator,
            hidden=hidden,
            build_args={"A": "hidden"},
        )
        task = Task()
        task.secrets.add(hidden)
        image = built(flavour, spec, destination, task)
        assert isinstance(image, PushedByDigest)
        index = registry.manifest(destination.path, image.digest)
        assert image.media_type in INDEXES
        reference = Reference.parse(f"{destination}@{image.digest}")
        described = describe(
            Registries(Settings(), GivenLogins()).client(destination, Task(), Login()), reference, None, "linux/amd64"
        )
        assert described
        assert described.platforms == platforms
        both = {"https://slsa.dev/provenance/v1", "https://spdx.dev/Document"}
        assert [
            {kind.replace("/v0.2", "/v1") for kind in kinds}
            for kinds in attestations(registry, destination.path, index)
        ] == [both] * len(platforms)


def test_an_sbom_without_more_is_made_by_buildkits_own_generator(
    new_flavour: NewFlavour, context: Path, registry: Registry, repository_name: str, tmp_path: Path
) -> None:
    """R22: a stand-in has its name in the registry that the builder asks for Docker Hub's images."""
    flavour = replace(new_flavour("remote"), builder="mirrored")
    with node(tmp_path / "mirrored", hub=registry.address) as running:
        add_remote_builder(flavour.environ, "mirrored", running.address)
        scanner = make_context(tmp_path / "scanner", {"scan": SCAN}, dockerfile=SCANNER)
        path = "docker/buildkit-syft-scanner"
        made = built(flavour, spec_for(flavour, scanner), Repository.parse(f"{registry.address}/{path}"), Task())
        assert isinstance(made, PushedByDigest)
        content = registry.ask("GET", f"/v2/{path}/manifests/{made.digest}").body
        registry.put_manifest(path, "stable-1", content, made.media_type)
        destination = Repository.parse(f"{registry.address}/{repository_name}")
        image = built(flavour, spec_for(flavour, context, sbom="true"), destination, Task())
    assert isinstance(image, PushedByDigest)
    assert any(request.path.endswith(f"{path}/manifests/stable-1?ns=docker.io") for request in registry.requests(path))
    index = registry.manifest(destination.path, image.digest)
    assert attestations(registry, destination.path, index) == [{"https://spdx.dev/Document"}]


@pytest.mark.parametrize("name", ["embedded", "buildx", "podman"])
def test_a_builder_that_makes_no_attestations_is_refused_before_it_builds(
    name: str, new_flavour: NewFlavour, context: Path, destination: Repository, heard: Heard
) -> None:
    flavour = new_flavour(name)
    spec = spec_for(flavour, context, provenance="min", sbom="true")
    with pytest.raises(BuildError, match=r"`provenance`.*`sbom`"):
        built(flavour, spec, destination, heard.task)
    with pytest.raises(BuildError, match=r"`provenance`.*`sbom`"):
        try_build(spec, heard.task, flavour.environ)
    assert heard.status == []


def test_attestations_come_only_when_asked_for(
    new_flavour: NewFlavour, context: Path, destination: Repository, registry: Registry
) -> None:
    """R22."""
    flavour = new_flavour("remote")
    image = built(flavour, spec_for(flavour, context, build_flags=("--provenance=true",)), destination, Task())
    assert isinstance(image, PushedByDigest)
    assert image.media_type in INDEXES
    platforms = [entry["platform"]["os"] for entry in registry.manifest(destination.path, image.digest)["manifests"]]
    assert sorted(platforms) == ["linux", "unknown"]


def test_git_is_asked_only_by_who_wants_it(new_flavour: NewFlavour, tmp_path: Path) -> None:
    flavour, calls = new_flavour("buildx"), tmp_path / "calls"
    (tmp_path / "bin").mkdir()
    git = tmp_path / "bin" / "git"
    git.write_text(f'#!/bin/sh\necho "$*" >> {calls}\nexit 1\n')
    git.chmod(0o755)
    environ = {**flavour.environ, "PATH": f"{git.parent}{os.pathsep}{flavour.environ['PATH']}"}
    context = make_context(tmp_path / "app", dockerfile=BASE)
    spec = spec_for(flavour, context)
    try_build(spec, Task(), environ)
    assert not calls.exists()
    try_build(spec, Task(), {**environ, "BUILDX_GIT_INFO": "true"})
    assert calls.exists()
