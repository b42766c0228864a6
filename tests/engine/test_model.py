"""Random programs, played as their users would play them, on the real engine and on a stand-in for it.

After each step: the preview was true, an unchanged program shows nothing, every reference in the state is served as the
state says unless somebody else took it, nobody else's tag was touched, and no secret is anywhere. Hypothesis prints the
shortest program that breaks one of these.
"""

import tempfile
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from image_assets.values import Secret
from tests.engine.test_logins import USERS
from tests.fakes import builder
from tests.fakes.aws_plugin import Cloud
from tests.fakes.aws_plugin import Plugin as AwsPlugin
from tests.fakes.builder import FakeBuilder
from tests.fakes.ecr_front import EcrFront
from tests.fakes.nursery import Nursery
from tests.fakes.stand_in import Outcome, StandIn
from tests.support.builders import BuildKit, add_buildx, add_tls_builder
from tests.support.project import Project
from tests.support.registry import Registry
from tests.support.worlds import BROKEN, FURTHER, Asset, Build, RealEngine, Tag, World
from tools.kit import registry as local_registry
from tools.kit.registry import LocalRegistry

NAMES = st.sampled_from("abc")
NUMBERS = st.integers(0, 7)
FILES = st.integers(0, 1)
CONTENTS = st.sampled_from(["one", "two", "three", BROKEN])
PARTS = st.sampled_from(
    ["file", "place", "prefix", "extra", "retain", "login", "grant", "late", "build", "destinations", "replica"]
)
TOLD_STEPS = 50
SHORTEN = (Phase.generate, Phase.shrink)
OFTEN = st.sampled_from([True, True, False])
LATE_TOO = st.sampled_from(["none", "none", "plain", "late"])
BUILDS = st.builds(
    Build,
    number=st.integers(0, 1),
    argument=st.sampled_from(["none", "plain", "plain", "secret", "late"]),
    ignored=st.booleans(),
    secret=st.sampled_from(["none", "text", "late"]),
    label=LATE_TOO,
)
ASSETS = st.builds(
    Asset,
    file=FILES,
    place=st.integers(0, 7),
    prefix=st.sampled_from(["", "v-"]),
    extra=st.sampled_from([(), ("latest",), ("latest", "stable")]),
    retain=st.booleans(),
    login=st.sampled_from(["none", "none", "right", "right", "wrong"]),
    grant=st.booleans(),
    late=st.sampled_from([0, 0, 1, 2]),
    build=st.none() | BUILDS,
    destinations=st.lists(st.sampled_from(FURTHER), max_size=3, unique=True).map(tuple),
    replica=st.sampled_from([None, None, *FURTHER]),
)
NewWorld = Callable[[ExitStack], World]


class Machine(RuleBasedStateMachine):
    """A user who edits a program and deploys it, and other people at the same registries.

    Attributes:
        makers: What makes the worlds in which the same things happen.
        steps: How many steps were played, in all programs.
    """

    makers: tuple[NewWorld, ...] = ()
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.assets: dict[str, Asset] = {}
        self.deployed: dict[str, Asset] = {}
        #: The names after which the repositories of renamed assets are called: those keep them.
        self.in_use: set[str] = set()
        self.stack = ExitStack()
        self.worlds = [maker(self.stack) for maker in self.makers]

    def teardown(self) -> None:
        self.stack.close()

    @invariant()
    def count(self) -> None:
        """Tell from time to time how far a long run is."""
        type(self).steps += 1
        if self.steps % TOLD_STEPS == 0:
            print(f"{self.steps} steps", flush=True)

    # --- the user edits, and often deploys at once

    @initialize(assets=st.dictionaries(NAMES, ASSETS, min_size=1, max_size=3))
    def begin(self, assets: dict[str, Asset]) -> None:
        self.assets = assets
        for world in self.worlds:
            for file in (0, 1):
                world.pack(file, "one", "docker")

    @rule(file=FILES, content=CONTENTS, form=st.sampled_from(["docker", "oci"]), deploy=OFTEN)
    def pack(self, file: int, content: str, form: str, *, deploy: bool) -> None:
        for world in self.worlds:
            world.pack(file, content, form)
        self.deploy_if(deploy)

    @rule(name=NAMES, asset=ASSETS, deploy=OFTEN)
    def declare(self, name: str, asset: Asset, *, deploy: bool) -> None:
        if name in self.in_use:
            return
        known = {name: replace(one, aliases=tuple(set(one.aliases) - {name})) for name, one in self.assets.items()}
        self.assets = {**known, name: asset}
        self.deploy_if(deploy)

    @precondition(lambda self: self.assets)
    @rule(at=NUMBERS, asset=ASSETS, what=PARTS, deploy=OFTEN)
    def edit(self, at: int, asset: Asset, what: str, *, deploy: bool) -> None:
        name = self.one_of(self.assets, at)
        self.assets[name] = replace(self.assets[name], **{what: getattr(asset, what)})
        self.deploy_if(deploy)

    @precondition(lambda self: self.assets)
    @rule(at=NUMBERS, deploy=OFTEN)
    def leave_out(self, at: int, *, deploy: bool) -> None:
        del self.assets[self.one_of(self.assets, at)]
        self.deploy_if(deploy)

    @precondition(lambda self: self.assets)
    @rule(at=NUMBERS, new=NAMES, alias=st.booleans(), deploy=OFTEN)
    def rename(self, at: int, new: str, *, alias: bool, deploy: bool) -> None:
        name = self.one_of(self.assets, at)
        if new not in self.assets.keys() | self.in_use:
            asset = self.assets.pop(name)
            if alias:
                self.in_use.add(name)
            former = (*asset.aliases, name) if alias else ()
            self.assets[new] = replace(asset, aliases=tuple(one for one in former if one != new))
            self.deploy_if(deploy)

    # --- and runs Pulumi

    def one_of(self, names: Collection[str], at: int) -> str:
        return sorted(names)[at % len(names)]

    def stored(self) -> list[str]:
        return [image.name for image in self.worlds[0].images()]

    def in_step(self, play: Callable[[World], Outcome]) -> Outcome:
        """Do something in every world; the engines must do the same."""
        first, *others = [play(world) for world in self.worlds]
        for other in others:
            assert bool(first.errors) == bool(other.errors), (first.errors, other.errors)
            assert first.errors or sorted(first.steps) == sorted(other.steps)
        return first

    def deploy_if(self, deploy: bool) -> None:  # noqa: FBT001 - the rules' own switch
        if deploy:
            self.up()

    @precondition(lambda self: self.assets or self.stored())
    @rule()
    def up(self) -> None:
        done = self.in_step(lambda world: world.deploy(self.assets))
        self.deployed = {} if done.errors else dict(self.assets)

    @precondition(lambda self: self.assets)
    @rule()
    def up_that_goes_on(self) -> None:
        done = self.in_step(lambda world: world.deploy(self.assets, goes_on=True))
        self.deployed = {} if done.errors else dict(self.assets)

    def can_be_held(self) -> bool:
        """Say whether the stand-ins play alone: only there a test knows when a build is under way."""
        return all(world.fake for world in self.worlds) and any(one.build for one in self.assets.values())

    @precondition(can_be_held)
    @rule()
    def up_that_is_interrupted(self) -> None:
        done = self.in_step(lambda world: world.interrupt(self.assets))
        self.deployed = {} if done.errors else dict(self.assets)

    @precondition(lambda self: self.stored())
    @rule(at=NUMBERS)
    def up_with_replace(self, at: int) -> None:
        name = self.one_of(self.stored(), at)
        self.in_step(lambda world: world.deploy(self.assets, replace=world.image_urns(name)))

    def nothing_new(self) -> bool:
        """Say whether an update makes no new resource: these programs leave none out by a target."""
        stored = {name: replace(one, **_what_is_there(self.assets.get(name))) for name, one in self.deployed.items()}
        return bool(stored) and stored == self.assets and set(self.stored()) == set(stored)

    @precondition(nothing_new)
    @rule(at=NUMBERS)
    def up_with_target(self, at: int) -> None:
        name = self.one_of(self.stored(), at)
        self.in_step(lambda world: world.deploy(self.assets, target=world.urns(name)))

    @precondition(lambda self: self.stored())
    @rule()
    def refresh(self) -> None:
        self.in_step(World.refresh)

    @precondition(lambda self: self.stored())
    @rule()
    def destroy(self) -> None:
        self.in_step(World.destroy)
        self.deployed = {}

    # --- other people

    @precondition(lambda self: self.stored())
    @rule(at=NUMBERS, what=st.sampled_from([World.delete, World.overwrite, World.tag_too, World.index]))
    def meddle(self, at: int, what: Callable[[World, Tag], None]) -> None:
        for world in self.worlds:
            if tag := world.chosen(at):
                what(world, tag)

    @precondition(lambda self: self.stored())
    @rule(at=NUMBERS)
    def grant(self, at: int) -> None:
        for world in self.worlds:
            world.add_statement(at)


def _what_is_there(asset: Asset | None) -> dict[str, Any]:
    """Return what an asset may change without another resource."""
    return {key: getattr(asset, key) for key in ("file", "prefix", "extra", "retain", "login")} if asset else {}


@pytest.fixture(scope="module")
def docker_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def nursery(docker_config: Path, aws: EcrFront) -> Iterator[Nursery]:
    cache = str(docker_config)
    made = Nursery({**aws.environ, "XDG_CACHE_HOME": cache, "DOCKER_CONFIG": cache})
    yield made
    made.close()


@pytest.fixture(scope="module")
def fake_builder(tmp_path_factory: pytest.TempPathFactory, docker_config: Path) -> FakeBuilder:
    return builder.install(tmp_path_factory.mktemp("builder"), docker_config)


@pytest.fixture(scope="module")
def registries(
    registry: Registry, registry_with_auth: Registry, aws: EcrFront, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Registry, ...]]:
    password, hashed = USERS["bob"]
    with local_registry.running(tmp_path_factory.mktemp("other"), f"bob:{hashed}\n") as other:
        behind_ecr = Registry(LocalRegistry(aws.upstream, aws.storage))
        yield registry, registry_with_auth, behind_ecr, Registry(other, "bob", password)


def logins(registries: tuple[Registry, ...]) -> list[dict[str, str]]:
    """Return what the provider's configuration says of those that want a login."""
    return [
        {"address": one.address, "username": one.username, "password": one.password}
        for one in registries
        if one.password
    ]


@pytest.fixture
def stand_in(nursery: Nursery, registries: tuple[Registry, ...], aws: EcrFront, fake_builder: FakeBuilder) -> NewWorld:
    def make(stack: ExitStack) -> World:
        folder, prefix = Path(stack.enter_context(tempfile.TemporaryDirectory())), f"s{uuid.uuid4().hex[:8]}"
        given = [{**login, "password": Secret(login["password"])} for login in logins(registries)]
        plugin = AwsPlugin(Cloud(endpoint=aws.endpoint))
        engine = StandIn(nursery, folder, {"registries": given}, project=prefix, aws=plugin)
        named = {"executable": str(fake_builder.executable), "name": builder.NAME}
        return World(engine, registries, aws, folder, prefix, named, fake_builder)

    return make


@pytest.fixture
def real(registries: tuple[Registry, ...], aws: EcrFront, remote_buildkit: BuildKit) -> NewWorld:
    def make(stack: ExitStack) -> World:
        folder, prefix = Path(stack.enter_context(tempfile.TemporaryDirectory())), f"r{uuid.uuid4().hex[:8]}"
        project = Project(folder / "proj", folder / "private", name=prefix)
        project.environ.update(aws.environ)
        project.write("outputs: {}\n")
        for at, login in enumerate(logins(registries)):
            for key, value in login.items():
                project.set_config(f"image-assets:registries[{at}].{key}", value, secret=key == "password")
        add_buildx(Path(project.isolated_environ["DOCKER_CONFIG"]))
        add_tls_builder(project.isolated_environ, "far", remote_buildkit)
        return World(RealEngine(project), registries, aws, project.folder, prefix, {"name": "far"})

    return make


def play(
    makers: tuple[NewWorld, ...], examples: int, steps: int, *, fixed: bool = True, phases: Collection[Phase] = SHORTEN
) -> int:
    """Play random programs, always the same ones or new ones each time, and return how many steps they had."""
    machine: type[Machine] = type("Machine", (Machine,), {"makers": makers})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=fixed,
            phases=phases,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )
    return machine.steps


@pytest.mark.timeout(1200)
def test_the_stand_in_does_what_the_engine_does(stand_in: NewWorld, real: NewWorld) -> None:
    # The first program is always the simplest. The real engine takes too long for the search for the shortest one.
    play((stand_in, real), 2, 7, phases=[Phase.generate])


@pytest.mark.timeout(1200)
def test_random_programs(stand_in: NewWorld) -> None:
    play((stand_in,), 5, 16)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_ten_thousand_steps(stand_in: NewWorld, capsys: pytest.CaptureFixture[str]) -> None:
    # How many steps were played is told also where nothing else is.
    with capsys.disabled():
        played = play((stand_in,), 200, 50, fixed=False)
        print(f"{played} steps were played")
    # Hypothesis ends a few programs early.
    assert played > 9_000


A_BUILD = Build(number=0, argument="none", ignored=False, secret="none", label="none")
AN_ASSET = Asset(file=0, place=0, prefix="", extra=(), retain=True, login="none", grant=False, late=0, replica=1)


@pytest.mark.parametrize("build", [None, A_BUILD])
def test_what_somebody_put_under_a_tag_that_stays_is_foretold(stand_in: NewWorld, build: Build | None) -> None:
    """The shortest program of seed 102: an image that the preview told otherwise, and a copy of it."""
    asset = replace(AN_ASSET, build=build)
    with ExitStack() as stack:
        world = stand_in(stack)
        world.pack(0, "one", "docker")
        assert not world.deploy({"a": asset}).errors
        for extra in (("latest",), ("latest", "stable")):
            world.overwrite(world.tag_of(world.images()[0]))
            assert not world.deploy({"a": replace(asset, extra=extra)}).errors
