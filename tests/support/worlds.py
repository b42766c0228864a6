"""A stack, the registries around it, and the other people who use those: what random programs are played in."""

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from image_assets.values import UNKNOWN, Secret, has_unknown, reveal
from tests.fakes.builder import FakeBuilder
from tests.fakes.ecr_front import EcrFront
from tests.fakes.images import MadeImage, an_image, docker_save, oci_layout
from tests.fakes.stand_in import Outcome, Program, Resource, StandIn, Step
from tests.support import events
from tests.support.project import Project, Run
from tests.support.registry import Registry

IMAGE = "image-assets:index:PublishedImage"
COPY = "image-assets:index:CopiedImage"
TOLD = ("imageUri", "imageTag", "assetHash", "imageDigest", "imageDigestUri", "repositoryUrl", "repositoryName")
STATEMENT = "image-assets:index:RepositoryPolicyStatement"
#: Which of the registries, and which places of an asset, are ECR's.
ECR, OWN, SHARED = 2, 4, 5
#: The places that a destination or a replica can have.
FURTHER = (0, 1, 2, 3, SHARED, 6, 7)
WRONG_PASSWORD = "wrong-secret-77"
BUILD_SECRET = "build-secret-88"
ARGUMENT_SECRET = "secret-argument-99"
BROKEN = "broken"
_TIME = 1_000_000_000
#: The working line and the broken one are of one length, as the contents are: size and time tell no difference.
_DOCKERFILE = "FROM scratch\nARG ONE\nLABEL one=$ONE\nCOPY {} /data\n"
#: What the engine marks a secret with (Pulumi: `resource.SigKey`).
_SECRET = "4dabf18193072939515e22adb298388d"
_EXPECTED = {"token": f"{BUILD_SECRET}|AROA\\w+"}
_INDEX = "application/vnd.oci.image.index.v1+json"
_FORMS: Mapping[str, Callable[[MadeImage], bytes]] = {"docker": docker_save, "oci": oci_layout}


class Engine(Protocol):
    """A stack of the real engine, or of the stand-in."""

    @property
    def state(self) -> Mapping[str, Resource]:
        """The stored resources by URN, those that were replaced and not deleted yet left out."""

    def preview(self, program: Program, *, replace: Collection[str] = (), target: Collection[str] = ()) -> Outcome:
        """Say what `up` would do."""

    def up(
        self, program: Program, *, replace: Collection[str] = (), target: Collection[str] = (), goes_on: bool = False
    ) -> Outcome:
        """Bring the stack into the program's form; after a failure go on with what does not need it, if asked."""

    def refresh(self) -> Outcome:
        """Ask how every resource is now."""

    def destroy(self) -> Outcome:
        """Delete everything."""


@dataclass
class RealEngine:
    """The real engine, by its command line."""

    project: Project
    _state: Mapping[str, Resource] | None = field(default=None, repr=False)

    @property
    def state(self) -> Mapping[str, Resource]:
        """See `Engine`."""
        if self._state is None:
            stored = [one for one in self.project.state() if not one["type"].startswith("pulumi:")]
            self._state = {one["urn"]: _resource(one) for one in stored if not one.get("delete")}
        return self._state

    def preview(self, program: Program, *, replace: Collection[str] = (), target: Collection[str] = ()) -> Outcome:
        """See `Engine`."""
        self.write(program)
        return outcome(self.project.preview(*_flags(replace, target), check=False), program)

    def up(
        self, program: Program, *, replace: Collection[str] = (), target: Collection[str] = (), goes_on: bool = False
    ) -> Outcome:
        """See `Engine`."""
        self.write(program)
        flags = [*_flags(replace, target), *(["--continue-on-error"] if goes_on else [])]
        return self._changed(self.project.up(*flags, check=False), program)

    def refresh(self) -> Outcome:
        """See `Engine`."""
        return self._changed(self.project.refresh(check=False), {})

    def destroy(self) -> Outcome:
        """See `Engine`."""
        return self._changed(self.project.destroy(check=False), {})

    def _changed(self, run: Run, program: Program) -> Outcome:
        self._state = None
        return outcome(run, program)

    def write(self, program: Program) -> None:
        """Write the program as YAML."""
        told = {
            f"{name}-{key}": f"${{{name}.{key}}}"
            for name, one in program.items()
            for key in TOLD
            if one["type"].endswith("Asset")
        }
        self.project.write(f"resources: {json.dumps(program)}\noutputs: {json.dumps(told)}\n")


def _resource(stored: Mapping[str, Any]) -> Resource:
    about = (stored["urn"], stored["type"], stored.get("parent", ""), stored.get("id", ""))
    return Resource(*about, stored.get("inputs") or {}, stored.get("outputs") or {})


def _flags(replaced: Collection[str], target: Collection[str]) -> list[str]:
    return [*(f"--replace={urn}" for urn in replaced), *(f"--target={urn}" for urn in target)]


def outcome(run: Run, program: Program) -> Outcome:
    """Read what the real engine did as the stand-in tells it."""
    steps = [
        Step(one.op, one.type.rpartition(":")[2], one.name)
        for one in run.changes
        if one.op in {"create", "update", "delete", "replace", "delete-replaced"}
    ]
    told = run.outputs
    outputs = {
        name: {
            key: UNKNOWN if told[f"{name}-{key}"] == events.UNKNOWN else told[f"{name}-{key}"]
            for key in TOLD
            if f"{name}-{key}" in told
        }
        for name in program
    }
    # A component is told twice, once with its outputs.
    return Outcome([run.text] if run.code else [], list(dict.fromkeys(steps)), outputs, [run.text])


@dataclass(frozen=True)
class Build:
    """What a random program says of a build.

    Attributes:
        number: Tells the values of plain arguments apart.
        argument: The build argument: "none", "plain", "secret", or "late" for one that is made by the same program.
        ignored: Whether it is left out of the fingerprint.
        secret: The build secret: "none", "text" or "late".
        label: The label: "none", "plain" or "late".
    """

    number: int
    argument: str
    ignored: bool
    secret: str
    label: str


@dataclass(frozen=True)
class Asset:
    """An asset of a random program.

    Attributes:
        file: Which archive, or which directory.
        build: How the directory is built; None for the archive.
        destinations: The further places of the image.
        replica: Where a replica of the image is, if anywhere.
        place: Which repository.
        prefix: What the tag begins with.
        extra: More tags.
        retain: Whether the tags stay.
        login: "none", "right" or "wrong".
        grant: Whether another account may pull, where that can be said.
        late: The role whose id is one of the tags, if any: nobody knows it before the role is made.
        aliases: Its former names.
    """

    file: int
    place: int
    prefix: str
    extra: tuple[str, ...]
    retain: bool
    login: str
    grant: bool
    late: int
    build: Build | None = None
    destinations: tuple[int, ...] = ()
    replica: int | None = None
    aliases: tuple[str, ...] = ()

    @property
    def in_ecr(self) -> bool:
        """Whether it goes to ECR."""
        return self.place in (OWN, SHARED)

    @property
    def further(self) -> tuple[int, ...]:
        """The further places, without its own."""
        return tuple(place for place in self.destinations if place != self.place)

    @property
    def roles(self) -> set[int]:
        """The roles whose ids it uses."""
        is_late = self.build and "late" in (self.build.argument, self.build.secret, self.build.label)
        return {self.late} - {0} | ({1} if is_late else set())


@dataclass(frozen=True, order=True)
class Tag:
    """A tag in a registry."""

    registry: int
    repository: str
    tag: str


@dataclass
class World:
    """What surrounds one stack.

    Attributes:
        engine: The stack.
        registries: An open registry, one that wants a login, the one behind ECR, and one that wants another login.
        aws: The AWS with that ECR.
        folder: The program's folder.
        prefix: What the names of this world's repositories begin with.
        builder: How builds are told what builds them.
        fake: The program that builds, if it is the stand-in.
        contents: What each archive holds; `BROKEN` is no image.
        foreign: What others wrote, with its digest.
        taken: The tags that others wrote or deleted since the stack last looked.
        statements: The policy statements of others, by repository, the time when it was made, and Sid.
        builds: The build argument and the label that each tag was ever to be built with.
    """

    engine: Engine
    registries: tuple[Registry, ...]
    aws: EcrFront
    folder: Path
    prefix: str
    builder: Mapping[str, str]
    fake: FakeBuilder | None = None
    contents: dict[int, str] = field(default_factory=dict)
    foreign: dict[Tag, str] = field(default_factory=dict)
    taken: set[Tag] = field(default_factory=set)
    statements: set[tuple[str, str, str]] = field(default_factory=set)
    builds: dict[Tag, set[tuple[str, str]]] = field(default_factory=dict)
    others: int = 0

    # --- the program

    def pack(self, file: int, content: str, form: str) -> None:
        """Write an archive and a directory of the same content; sizes and times tell nothing of it."""
        self.contents[file] = content
        made = b"no archive" if content == BROKEN else _FORMS[form](an_image(content))
        (self.folder / f"{file}.tar").write_bytes(made)
        context = self.folder / f"context{file}"
        context.mkdir(exist_ok=True)
        dockerfile = _DOCKERFILE.format("none" if content == BROKEN else "data")
        for name, text in (("Dockerfile", dockerfile), ("data", content[:3])):
            (context / name).write_text(text)
            os.utime(context / name, (_TIME, _TIME))

    def program(self, assets: Mapping[str, Asset]) -> Program:
        """Write a program."""
        made: dict[str, Any] = {}
        for late in sorted(set[int]().union(*(asset.roles for asset in assets.values()))):
            role = {"name": f"late{late}-{self.prefix}", "assumeRolePolicy": "{}"}
            made[f"late{late}"] = {"type": "aws:iam/role:Role", "properties": role}
        if any(SHARED in (asset.place, asset.replica, *asset.destinations) for asset in assets.values()):
            shared = {"repositoryName": f"{self.prefix}/shared", "forceDelete": True}
            made["shared"] = {"type": "image-assets:ImageRepository", "properties": shared}
        made |= {name: self.declaration(asset) for name, asset in assets.items()}
        return made | {
            f"r{name}": self.replica(name, asset.replica) for name, asset in assets.items() if asset.replica is not None
        }

    def replica(self, name: str, place: int) -> dict[str, Any]:
        """Write the replica of an asset's image."""
        properties = {"source": f"${{{name}.imageDigestUri}}", "repository": self.url(place)}
        return {"type": "image-assets:ImageReplica", "properties": properties}

    def declaration(self, asset: Asset) -> dict[str, Any]:
        """Write one asset."""
        extra = [*asset.extra, *([f"${{late{asset.late}.uniqueId}}"] if asset.late else [])]
        properties = {
            **(self.build(asset.file, asset.build) if asset.build else {"tarballFile": f"{asset.file}.tar"}),
            "tagPrefix": asset.prefix,
            "extraTags": extra,
            "retainOnDelete": asset.retain,
            "destinations": [{"repository": self.url(place)} for place in asset.further],
            **(self.in_ecr(asset) if asset.in_ecr else self.elsewhere(asset)),
        }
        return {
            "type": f"image-assets:{'DockerImageAsset' if asset.build else 'TarballImageAsset'}",
            "properties": {key: value for key, value in properties.items() if value or value is False},
            **({"options": {"aliases": [{"name": one} for one in asset.aliases]}} if asset.aliases else {}),
        }

    def build(self, file: int, build: Build) -> dict[str, Any]:
        """Write the inputs of a build."""
        role = "${late1.uniqueId}"
        arguments = {"plain": f"v{build.number}", "secret": {"fn::secret": ARGUMENT_SECRET}, "late": role}
        secrets = {"text": {"fn::secret": BUILD_SECRET}, "late": role}
        argument, secret = arguments.get(build.argument), secrets.get(build.secret)
        label = {"plain": f"v{build.number}", "late": role}.get(build.label)
        return {
            "directory": f"context{file}",
            "builder": dict(self.builder),
            "buildArgs": {"ONE": argument} if argument else {},
            "invalidation": {"ignoredBuildArgs": ["ONE"]} if argument and build.ignored else {},
            "buildSecrets": {"token": {"value": secret}} if secret else {},
            "labels": {"team": label} if label else {},
        }

    def url(self, place: int) -> str:
        """Write a repository that is not an asset's own."""
        if place == SHARED:
            return "${shared.repositoryUrl}"
        registry, path = self.place(place)
        return f"{self.registries[registry].address}/{path}"

    def elsewhere(self, asset: Asset) -> dict[str, Any]:
        """Write where an asset goes that does not go to ECR."""
        registry, path = self.place(asset.place)
        given = self.registries[registry]
        password = {"right": given.password, "wrong": WRONG_PASSWORD}.get(asset.login)
        login = {"username": given.username or "u", "password": {"fn::secret": password}}
        return {"repository": f"{given.address}/{path}", "registryAuth": login if password else None}

    def in_ecr(self, asset: Asset) -> dict[str, Any]:
        """Write where an asset goes that goes to ECR: its own repository, or a shared one."""
        place = {"forceDelete": True} if asset.place == OWN else {"repository": "${shared.repositoryUrl}"}
        grants = [{"name": "sister", "accountId": "210987654321"}] if asset.grant else []
        return {**place, "pullPrincipals": grants}

    def place(self, number: int) -> tuple[int, str]:
        """Return registry and repository of what is not in ECR."""
        return number // 2, f"{self.prefix}/{'xy'[number % 2]}"

    def may_fail(self, assets: Mapping[str, Asset]) -> bool:
        """Say whether there is a reason for an update of this program to fail."""
        wrong = any(one.login == "wrong" or self.contents[one.file] == BROKEN for one in assets.values())
        copies = any(one.further or one.replica is not None for one in assets.values())
        return wrong or bool(self.foreign.keys() & self.taken) or (copies and bool(self.taken))

    # --- what the stack has

    def images(self) -> list[Resource]:
        """Return the stored images of assets."""
        return [one for one in self.engine.state.values() if one.type == IMAGE]

    def copies(self) -> list[Resource]:
        """Return the stored copies of those, as destinations and replicas."""
        return [one for one in self.engine.state.values() if one.type == COPY]

    def tag_of(self, image: Resource) -> Tag:
        """Return the tag that a stored image says it has."""
        host, _, rest = image.outputs["imageUri"].partition("/")
        hosts = [self.aws.address if at == ECR else one.address for at, one in enumerate(self.registries)]
        registry = hosts.index(host)
        return Tag(registry, *rest.rsplit(":", 1))

    def digest(self, tag: Tag) -> str | None:
        """Return what a tag holds."""
        return self.registries[tag.registry].digest(tag.repository, tag.tag)

    def urns(self, name: str) -> list[str]:
        """Return the URNs of a stored asset and its image."""
        return [urn for urn in self.engine.state if urn.rpartition("::")[2] == name]

    def image_urns(self, name: str) -> list[str]:
        """Return the URN of a stored image."""
        return [one.urn for one in self.images() if one.name == name]

    # --- other people

    def chosen(self, at: int) -> Tag | None:
        """Return one of the tags that the stack has."""
        # In an order that is the same when the program is played again: a copy's tag is another one each time.
        stored = sorted((*self.images(), *self.copies()), key=lambda image: (image.type, image.name))
        found = list(dict.fromkeys(map(self.tag_of, stored)))
        present = [tag for tag in found if tag.registry != ECR and self.digest(tag)]
        return present[at % len(present)] if present else None

    def delete(self, tag: Tag) -> None:
        """Delete a tag as this registry does: with every tag of the same manifest."""
        digest, registry = self.digest(tag), self.registries[tag.registry]
        gone = [Tag(tag.registry, tag.repository, one) for one in registry.tags(tag.repository)]
        gone = [one for one in gone if self.digest(one) == digest]
        registry.delete_tag(tag.repository, tag.tag)
        self.taken.update(gone)
        for one in gone:
            self.foreign.pop(one, None)

    def overwrite(self, tag: Tag) -> None:
        """Put another image under a tag."""
        self.others += 1
        self.write(tag, {"annotations": {"by": f"them {self.others}"}})
        self.taken.add(tag)

    def tag_too(self, tag: Tag) -> None:
        """Give the same image a tag of their own."""
        self.others += 1
        self.write(tag, {}, Tag(tag.registry, tag.repository, f"theirs-{self.others}"))

    def index(self, tag: Tag) -> None:
        """Put the image into an index of their own."""
        self.others += 1
        registry, digest = self.registries[tag.registry], self.digest(tag)
        manifest = registry.manifest(tag.repository, tag.tag)
        size = int(registry.ask("HEAD", f"/v2/{tag.repository}/manifests/{tag.tag}").headers["Content-Length"])
        child = {"mediaType": manifest["mediaType"], "digest": digest, "size": size}
        content = json.dumps({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [child]}).encode()
        theirs = Tag(tag.registry, tag.repository, f"all-{self.others}")
        self.foreign[theirs] = registry.put_manifest(theirs.repository, theirs.tag, content, _INDEX)

    def write(self, source: Tag, more: Mapping[str, Any], target: Tag | None = None) -> None:
        """Write a manifest under a tag of others."""
        registry, target = self.registries[source.registry], target or source
        manifest = registry.manifest(source.repository, source.tag)
        content = registry.ask("GET", f"/v2/{source.repository}/manifests/{source.tag}").body
        content = json.dumps({**manifest, **more}).encode() if more else content
        self.foreign[target] = registry.put_manifest(target.repository, target.tag, content, manifest["mediaType"])

    def add_statement(self, at: int) -> None:
        """Write a statement of their own into the policy of one of the ECR repositories that the stack has."""
        repositories = sorted({tag.repository for tag in map(self.tag_of, self.images()) if tag.registry == ECR})
        if not repositories:
            return
        self.others += 1
        name, sid = repositories[at % len(repositories)], f"Theirs{self.others}"
        theirs = {"Sid": sid, "Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}
        document = {"Version": "2012-10-17", "Statement": [*self.aws.statements(name), theirs]}
        self.aws.client("ecr").set_repository_policy(repositoryName=name, policyText=json.dumps(document))
        self.statements.add((name, str(self.made_at(name)), sid))

    def made_at(self, repository: str) -> str | None:
        """Return when an ECR repository was made; None if there is none."""
        ecr = self.aws.client("ecr")
        try:
            found = ecr.describe_repositories(repositoryNames=[repository])["repositories"]
        except ecr.exceptions.RepositoryNotFoundException:
            return None
        return str(found[0]["createdAt"])

    # --- what must hold

    def deploy(self, assets: Mapping[str, Asset], *, goes_on: bool = False, **how: Collection[str]) -> Outcome:
        """Preview and update, and check what must hold."""
        program = self.program(assets)
        if self.fake:
            self.fake.expect(_EXPECTED)
        foretold = self.engine.preview(program, **how)
        done = self.engine.up(program, goes_on=goes_on, **how)
        # Two contents that the fingerprint takes for one cannot both have one tag: the first has it.
        has_reason = self.may_fail(assets) or any("exists and holds" in error for error in done.errors)
        assert has_reason or not done.errors, done.errors
        self.settle(done)
        if not done.errors:
            assert not foretold.errors, foretold.errors
            # While a digest is unknown, a copy of it may have to change.
            steps = [one for one in foretold.steps if one in done.steps or one.type != "CopiedImage"]
            assert sorted(steps) == sorted(done.steps), (foretold.steps, done.steps)
            self.check_told(foretold, done)
        self.check_secrets(foretold, done)
        self.check_registries()
        if not done.errors and not how.get("target"):
            self.check_contents(assets)
            again = self.engine.preview(program)
            assert (again.errors, again.steps) == ([], []), (again.errors, again.steps, again.log)
            self.check_told(again, done)
        return done

    def interrupt(self, assets: Mapping[str, Asset]) -> Outcome:
        """Update, and interrupt the first build, if there is one."""
        assert self.fake
        assert isinstance(self.engine, StandIn)
        self.fake.expect(_EXPECTED)
        self.fake.hold()
        try:
            done = self.engine.interrupted_up(self.program(assets), self.fake.held)
        finally:
            self.fake.go_on()
        self.check_secrets(done)
        self.check_registries()
        return done

    def settle(self, done: Outcome) -> None:
        """Note which tags the stack has written again."""
        changed = {(step.type, step.name) for step in done.steps if step.op in {"create", "update", "replace"}}
        if not done.errors:
            stored = (*self.images(), *self.copies())
            self.taken -= {self.tag_of(one) for one in stored if (one.type.rpartition(":")[2], one.name) in changed}

    def refresh(self) -> Outcome:
        """Refresh, and check what must hold."""
        done = self.engine.refresh()
        assert not done.errors, done.errors
        self.taken.clear()
        self.check_secrets(done)
        self.check_registries()
        return done

    def destroy(self) -> Outcome:
        """Delete everything, and check what must hold."""
        done = self.engine.destroy()
        assert not done.errors, done.errors
        assert not self.engine.state
        self.check_secrets(done)
        self.check_registries()
        return done

    def check_told(self, foretold: Outcome, done: Outcome) -> None:
        """Check that what was told as known is so."""
        for name, outputs in foretold.outputs.items():
            for key, value in outputs.items():
                if not has_unknown(value):
                    became = reveal(done.outputs[name].get(key))
                    assert reveal(value) == became, (name, key, reveal(value), became)

    def check_registries(self) -> None:
        """Check that every reference is served as the state says, and that what others wrote is there."""
        for image in (*self.images(), *self.copies()):
            tag = self.tag_of(image)
            if tag not in self.taken:
                assert self.digest(tag) == image.outputs["imageDigest"], (tag, image.name)
        for tag, digest in self.foreign.items():
            assert self.digest(tag) == digest, tag
        for name, made_at, sid in sorted(self.statements):
            if self.made_at(name) != made_at:
                self.statements.discard((name, made_at, sid))
            else:
                assert sid in [one["Sid"] for one in self.aws.statements(name)], (name, sid)

    def check_contents(self, assets: Mapping[str, Asset]) -> None:
        """Check that each asset is published, with its content."""
        images = {image.name: image for image in self.images()}
        assert set(images) == set(assets)
        self.check_grants(assets)
        self.check_copies(assets, images)
        tags = {name: self.tag_of(images[name]) for name in assets}
        copies = {copy.name: self.tag_of(copy) for copy in self.copies()}
        for name, asset in assets.items():
            own = [tag for copy, tag in copies.items() if copy in {f"r{name}", *_destinations(name, asset)}]
            if asset.build:
                for tag in (tags[name], *own):
                    self.builds.setdefault(tag, set()).add(told_by(asset.build))
        for name, asset in assets.items():
            tag = tags[name]
            assert asset.in_ecr or (tag.registry, tag.repository) == self.place(asset.place)
            assert not asset.in_ecr or tag.registry == ECR
            if tag not in self.taken | self.foreign.keys():
                self.check_content(asset, tag)

    def check_content(self, asset: Asset, tag: Tag) -> None:
        """Check that a tag serves what an asset is made of."""
        registry = self.registries[tag.registry]
        manifest = registry.manifest(tag.repository, tag.tag)
        if not asset.build:
            assert manifest["config"]["digest"] == an_image(self.contents[asset.file]).digest
            return
        layers = [registry.blob(tag.repository, layer["digest"]) for layer in manifest["layers"]]
        found = dict(member for layer in layers for member in _files(layer))
        assert found["data"].decode() == self.contents[asset.file][:3], (tag, found)
        config = registry.blob(tag.repository, manifest["config"]["digest"]).decode()
        assert BUILD_SECRET not in config
        labels = json.loads(config)["config"]["Labels"]
        assert labels["io.pulumi.project"] == self.prefix
        # They tell who built the image, which is not always who has it.
        assert (labels["io.pulumi.stack"], labels["io.pulumi.resource"]) in {("dev", one) for one in "abc"}
        values = (labels.get("one", ""), labels.get("team", ""))
        known = self.builds[tag]
        assert tuple("AROA" if one.startswith("AROA") else one for one in values) in known, (tag, values, known)

    def check_copies(self, assets: Mapping[str, Asset], images: Mapping[str, Resource]) -> None:
        """Check that each image is where it is to be, too, with the same digest."""
        copies = {copy.name: copy for copy in self.copies()}
        expected: dict[str, tuple[int, str]] = {}
        for name, asset in assets.items():
            expected |= {copy: (place, name) for copy, place in _destinations(name, asset).items()}
            if asset.replica is not None:
                expected[f"r{name}"] = (asset.replica, name)
        assert set(copies) == set(expected)
        for copy, (place, name) in expected.items():
            tag = self.tag_of(copies[copy])
            assert place == SHARED or (tag.registry, tag.repository) == self.place(place)
            assert copies[copy].outputs["imageDigest"] == images[name].outputs["imageDigest"]

    def check_grants(self, assets: Mapping[str, Asset]) -> None:
        """Check that each policy has the statements that the program wants, and no others."""
        stored = [one for one in self.engine.state.values() if one.type == STATEMENT]
        assert len(stored) == sum(one.grant and one.in_ecr for one in assets.values())
        for one in stored:
            url = one.inputs["repositoryUrl"].partition("/")[2]
            assert one.inputs["sid"] in [statement["Sid"] for statement in self.aws.statements(url)]

    def check_secrets(self, *outcomes: Outcome) -> None:
        """Check that no secret was kept or shown."""
        kept = str([reveal([one.inputs, one.outputs]) for one in self.engine.state.values()])
        shown = str([[one.errors, one.log, one.outputs] for one in outcomes])
        called = self.fake.calls if self.fake else ""
        for secret in (WRONG_PASSWORD, BUILD_SECRET, *(one.password for one in self.registries if one.password)):
            assert secret not in kept
            assert secret not in shown + called
        # What is secret among other inputs is in the state under the engine's own mark only.
        assert ARGUMENT_SECRET not in str([_unmarked([one.inputs, one.outputs]) for one in self.engine.state.values()])
        assert ARGUMENT_SECRET not in shown + called


def _destinations(name: str, asset: Asset) -> dict[str, int]:
    """Return the names of the copies that an asset makes, and their places."""
    return {f"{name}-{at}": place for at, place in enumerate(asset.further, 1)}


def told_by(build: Build) -> tuple[str, str]:
    """Return the build argument and the label, as far as they are no role's."""
    values = {"plain": f"v{build.number}", "secret": ARGUMENT_SECRET, "late": "AROA"}
    return values.get(build.argument, ""), values.get(build.label, "")


def _unmarked(value: Any) -> Any:
    """Return a stored value without what is marked as secret in it."""
    if isinstance(value, Secret) or (isinstance(value, Mapping) and _SECRET in value):
        return None
    if isinstance(value, Mapping):
        return {key: _unmarked(item) for key, item in value.items()}
    return [_unmarked(item) for item in value] if isinstance(value, list | tuple) else value


def _files(layer: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a packed layer."""
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer))) as archive:
        for member in filter(tarfile.TarInfo.isreg, archive):
            read = archive.extractfile(member)
            yield member.name, read.read() if read else b""
