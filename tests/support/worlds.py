"""A stack, the registries around it, and the other people who use those: what random programs are played in."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from image_assets.values import UNKNOWN, has_unknown, reveal
from tests.fakes.ecr_front import EcrFront
from tests.fakes.images import MadeImage, an_image, docker_save, oci_layout
from tests.fakes.stand_in import Outcome, Program, Resource, Step
from tests.support import events
from tests.support.project import Project, Run
from tests.support.registry import Registry

IMAGE = "image-assets:index:PublishedImage"
TOLD = ("imageUri", "imageTag", "assetHash", "imageDigest", "imageDigestUri", "repositoryUrl", "repositoryName")
STATEMENT = "image-assets:index:RepositoryPolicyStatement"
#: Which of the registries, and which places of an asset, are ECR's.
ECR, OWN, SHARED = 2, 4, 5
WRONG_PASSWORD = "wrong-secret-77"
BROKEN = "broken"
_INDEX = "application/vnd.oci.image.index.v1+json"
_FORMS: Mapping[str, Callable[[MadeImage], bytes]] = {"docker": docker_save, "oci": oci_layout}


class Engine(Protocol):
    """A stack of the real engine, or of the stand-in."""

    @property
    def state(self) -> Mapping[str, Resource]:
        """The stored resources by URN, those that were replaced and not deleted yet left out."""

    def preview(self, program: Program, *, replace: Collection[str] = (), target: Collection[str] = ()) -> Outcome:
        """Say what `up` would do."""

    def up(self, program: Program, *, replace: Collection[str] = (), target: Collection[str] = ()) -> Outcome:
        """Bring the stack into the program's form."""

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

    def up(self, program: Program, *, replace: Collection[str] = (), target: Collection[str] = ()) -> Outcome:
        """See `Engine`."""
        self.write(program)
        return self._changed(self.project.up(*_flags(replace, target), check=False), program)

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
class Asset:
    """An asset of a random program.

    Attributes:
        file: Which archive.
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
    aliases: tuple[str, ...] = ()


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
        registries: An open registry, one that wants a login, and the one behind ECR.
        aws: The AWS with that ECR.
        folder: The program's folder.
        prefix: What the names of this world's repositories begin with.
        contents: What each archive holds; `BROKEN` is no image.
        foreign: What others wrote, with its digest.
        taken: The tags that others wrote or deleted since the stack last looked.
    """

    engine: Engine
    registries: tuple[Registry, ...]
    aws: EcrFront
    folder: Path
    prefix: str
    contents: dict[int, str] = field(default_factory=dict)
    foreign: dict[Tag, str] = field(default_factory=dict)
    taken: set[Tag] = field(default_factory=set)
    others: int = 0

    # --- the program

    def pack(self, file: int, content: str, form: str) -> None:
        """Write an archive."""
        self.contents[file] = content
        made = b"no archive" if content == BROKEN else _FORMS[form](an_image(content))
        (self.folder / f"{file}.tar").write_bytes(made)

    def program(self, assets: Mapping[str, Asset]) -> Program:
        """Write a program."""
        made: dict[str, Any] = {}
        for late in sorted({asset.late for asset in assets.values() if asset.late}):
            role = {"name": f"late{late}-{self.prefix}", "assumeRolePolicy": "{}"}
            made[f"late{late}"] = {"type": "aws:iam/role:Role", "properties": role}
        if any(asset.place == SHARED for asset in assets.values()):
            shared = {"repositoryName": f"{self.prefix}/shared", "forceDelete": True}
            made["shared"] = {"type": "image-assets:ImageRepository", "properties": shared}
        return made | {name: self.declaration(asset) for name, asset in assets.items()}

    def declaration(self, asset: Asset) -> dict[str, Any]:
        """Write one asset."""
        extra = [*asset.extra, *([f"${{late{asset.late}.uniqueId}}"] if asset.late else [])]
        properties = {
            "tarballFile": f"{asset.file}.tar",
            "tagPrefix": asset.prefix,
            "extraTags": extra,
            "retainOnDelete": asset.retain,
            **(self.in_ecr(asset) if asset.place >= OWN else self.elsewhere(asset)),
        }
        return {
            "type": "image-assets:TarballImageAsset",
            "properties": {key: value for key, value in properties.items() if value or value is False},
            **({"options": {"aliases": [{"name": one} for one in asset.aliases]}} if asset.aliases else {}),
        }

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
        return any(one.login == "wrong" or self.contents[one.file] == BROKEN for one in assets.values()) or bool(
            self.foreign.keys() & self.taken
        )

    # --- what the stack has

    def images(self) -> list[Resource]:
        """Return the stored images."""
        return [one for one in self.engine.state.values() if one.type == IMAGE]

    def tag_of(self, image: Resource) -> Tag:
        """Return the tag that a stored image says it has."""
        host, _, rest = image.outputs["imageUri"].partition("/")
        hosts = [*(one.address for one in self.registries[:ECR]), self.aws.address]
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
        found = sorted({self.tag_of(image) for image in self.images()})
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

    # --- what must hold

    def deploy(self, assets: Mapping[str, Asset], **how: Collection[str]) -> Outcome:
        """Preview and update, and check what must hold."""
        program = self.program(assets)
        foretold = self.engine.preview(program, **how)
        done = self.engine.up(program, **how)
        assert self.may_fail(assets) or not done.errors, done.errors
        self.settle(done)
        if not done.errors:
            assert not foretold.errors, foretold.errors
            assert sorted(foretold.steps) == sorted(done.steps), (foretold.steps, done.steps)
            self.check_told(foretold, done)
        self.check_secrets(foretold, done)
        self.check_registries()
        if not done.errors and not how.get("target"):
            self.check_contents(assets)
            again = self.engine.preview(program)
            assert (again.errors, again.steps) == ([], []), (again.errors, again.steps, again.log)
            self.check_told(again, done)
        return done

    def settle(self, done: Outcome) -> None:
        """Note which tags the stack has written again."""
        changed = {step.name for step in done.steps if step.op in {"create", "update", "replace"}}
        if not done.errors:
            self.taken -= {self.tag_of(one) for one in self.images() if one.name in changed}

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
        for image in self.images():
            tag = self.tag_of(image)
            if tag not in self.taken:
                assert self.digest(tag) == image.outputs["imageDigest"], (tag, image.name)
        for tag, digest in self.foreign.items():
            assert self.digest(tag) == digest, tag

    def check_contents(self, assets: Mapping[str, Asset]) -> None:
        """Check that each asset is published, with its content."""
        images = {image.name: image for image in self.images()}
        assert set(images) == set(assets)
        self.check_grants(assets)
        for name, asset in assets.items():
            tag = self.tag_of(images[name])
            assert asset.place >= OWN or (tag.registry, tag.repository) == self.place(asset.place)
            assert asset.place < OWN or tag.registry == ECR
            if tag not in self.taken | self.foreign.keys():
                manifest = self.registries[tag.registry].manifest(tag.repository, tag.tag)
                assert manifest["config"]["digest"] == an_image(self.contents[asset.file]).digest

    def check_grants(self, assets: Mapping[str, Asset]) -> None:
        """Check that each policy has the statements that the program wants, and no others."""
        stored = [one for one in self.engine.state.values() if one.type == STATEMENT]
        assert len(stored) == sum(one.grant and one.place >= OWN for one in assets.values())
        for one in stored:
            url = one.inputs["repositoryUrl"].partition("/")[2]
            assert one.inputs["sid"] in [statement["Sid"] for statement in self.aws.statements(url)]

    def check_secrets(self, *outcomes: Outcome) -> None:
        """Check that no secret was kept or shown."""
        kept = str([reveal([one.inputs, one.outputs]) for one in self.engine.state.values()])
        shown = str([[one.errors, one.log, one.outputs] for one in outcomes])
        for secret in (WRONG_PASSWORD, *(one.password for one in self.registries if one.password)):
            assert secret not in kept
            assert secret not in shown
