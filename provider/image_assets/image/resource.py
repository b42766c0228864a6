"""An image in a registry, named by the fingerprint of its content. START READING HERE.

Every decision about an image is one of the six methods below. `check` takes the fingerprint and stores it as an input;
`diff` compares inputs; `create` and `update` publish what the registry lacks; `read` asks whether it is still there;
`delete` leaves the registry alone unless told otherwise. In a preview nothing is built and the registry gets nothing.
"""

import threading
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from image_assets.context import describe_change
from image_assets.custom_resource import Change, Job, State, Values
from image_assets.errors import AssetError, CloudError, InputError, Problem
from image_assets.image.diff import changes, content_changed, option_names
from image_assets.image.kept_secrets import KeptSecrets
from image_assets.image.outputs import BUILD_KEY, forecast, published, repository_outputs, written_tags
from image_assets.inputs.image import (
    ASSET_FIELDS,
    COMPUTED,
    IMAGE_FIELDS,
    Inputs,
    asset_problems,
    input_problems,
    parse_stored,
)
from image_assets.inputs.in_memory import by_name, secret_texts, without_secrets
from image_assets.inputs.settings import Settings
from image_assets.inputs.source_fields import SOURCE_FIELDS
from image_assets.logins.given import GivenLogins, Login
from image_assets.plan.fingerprints import Fingerprints, SourceFacts
from image_assets.plan.locations import location_problems
from image_assets.plan.plan import locate
from image_assets.plan.rows import rows_of
from image_assets.plan.target import Target, known_target
from image_assets.publishing.base_digests import BaseDigests
from image_assets.publishing.copies import Copies
from image_assets.publishing.ledger import Ledger
from image_assets.publishing.lookups import Lookups
from image_assets.publishing.request import PublishRequest
from image_assets.reference import Reference, Repository
from image_assets.task import Task
from image_assets.values import UNKNOWN, plain, reveal

if TYPE_CHECKING:
    from image_assets.logins.registries import Registries
    from image_assets.publishing.publisher import Publisher


FULL_REPOSITORY = (
    "{url}, the repository that the asset made, holds images, and AWS deletes no such repository "
    "(RepositoryNotEmptyException): set `forceDelete: true` on the asset and run `pulumi up`, then try again; or empty "
    "the repository"
)


class PublishedImage:
    """The resource type `image-assets:index:PublishedImage` (see `CustomResource` for what each method is)."""

    def __init__(self, settings: Settings, base: Path) -> None:
        self.settings = settings
        self.base = base
        self.base_digests = BaseDigests(lambda: self.registries)
        self.fingerprints = Fingerprints(settings, self.base_digests)
        self.kept_secrets = KeptSecrets()
        self.copies = Copies()
        self.ledger = Ledger()
        self.checked: set[str] = set()
        self.lookups = Lookups()
        self.gone: set[str] = set()
        self.refused: dict[str, tuple[Problem, ...]] = {}
        #: What `begin` has begun to read, by the image's URN.
        self.reading: dict[str, Future[SourceFacts]] = {}
        #: The repositories that the program as it is now publishes to.
        self.repositories: set[str] = set()
        self.given = GivenLogins()
        self._publisher: Publisher | None = None
        self._registries: Registries | None = None
        self._lock = threading.RLock()

    @property
    def publisher(self) -> "Publisher":
        """What talks to registries and builders, made for the first image that needs one.

        A preview in which nothing changed needs none, and the plugin starts twice in every `pulumi up`.
        """
        from image_assets.publishing.publisher import Publisher  # noqa: PLC0415 - see above

        with self._lock:
            self._publisher = self._publisher or Publisher(
                self.settings, self.registries, self.fingerprints, self.copies
            )
            return self._publisher

    @property
    def registries(self) -> "Registries":
        """What talks to registries alone, which is all that a preview with pinned base images needs of it."""
        from image_assets.logins.registries import Registries  # noqa: PLC0415 - see `publisher`

        with self._lock:
            self._registries = self._registries or Registries(self.settings, self.given)
            return self._registries

    def inputs_of(self, values: Values) -> Inputs:
        """Return checked inputs, their paths absolute."""
        return locate(parse_stored(values), self.base)

    def begin(  # noqa: PLR0913, PLR0917 - what a Construct tells
        self,
        urn: str,
        kind: str,
        values: Values,
        task: Task,
        more: tuple[Problem, ...] = (),
        handed_on: Values = MappingProxyType({}),
    ) -> bool:
        """Look at the inputs of an asset component, and start reading what its image's `check` will ask for.

        What is wrong is told by that `check`, and so only where the image would be made: a component that fails by
        itself leaves its program with an exception, and its files need not be there to destroy or refresh it.

        Args:
            urn: The image's URN.
            kind: The component's type.
            values: The component's inputs.
            task: Nothing is reported through it before the image's `check`.
            more: What else is wrong with the component.
            handed_on: The inputs that the image will have beside the component's.

        Returns:
            Whether nothing is wrong.
        """
        if kind not in ASSET_FIELDS:
            return True
        found = (*asset_problems(kind, values), *more, *location_problems(values, self.settings, self.base))
        self.refused[urn] = found
        if not found:
            inputs = self.inputs_of({**values, **handed_on})
            # Its image's `check` may come after another image needs the login.
            self.given.enter(str(inputs.repository), inputs.destination, inputs.registry_auth)
            begun = self.fingerprints.begin(inputs, task)
            if begun:
                self.reading[urn] = begun
            if begun and self.settings.check_published == "always":
                begun.add_done_callback(partial(self.begin_lookup, inputs, task))
        return not found

    def begin_lookup(self, inputs: Inputs, task: Task, taken: "Future[SourceFacts]") -> None:
        """Start asking the registry whether it has the image, which `diff` will want to know."""
        target = None if taken.exception() else known_target(inputs, taken.result().fingerprint.digest)
        if target and not inputs.unknown_in("registryAuth"):
            login = Login(inputs.registry_auth, inputs.aws)
            self.lookups.begin(str(target), partial(self.has, target, task, login))

    def has(self, target: Target, task: Task, login: Login) -> bool:
        """Ask the registry for a tag."""
        return self.publisher.digest_of(target, task, login) is not None

    def check(self, job: Job, olds: Values, news: Values) -> Values:
        """Return the inputs to store: the program's own without secret values, the fingerprint and its outline."""
        if "fingerprint" in news:
            return self.check_ignored(job, olds, news)
        inputs = self.accept(job, news)
        return self.to_store(job, olds, news, self.fingerprints.of(inputs, job.task, parse_stored(olds)), inputs)

    def check_at_once(self, job: Job, olds: Values, news: Values) -> Values | None:
        """Return what `check` would, if that need not wait; None if it would.

        The engine asks for one resource after the other, and the plugin's threads hand each question on three times.
        """
        reading = self.reading.pop(job.urn, None)
        if reading is None or not reading.done() or "fingerprint" in news:
            return None
        inputs = self.accept(job, news)
        taken = self.fingerprints.taken(inputs)
        return self.to_store(job, olds, news, taken, inputs) if taken else None

    def accept(self, job: Job, news: Values) -> Inputs:
        """Refuse bad inputs; note what others of the program must know of good ones, and return them."""
        refuse(self.refused.get(job.urn, ()))
        refuse((*input_problems(news), *location_problems(news, self.settings, self.base)))
        inputs = self.inputs_of(news)
        self.checked.add(job.urn)
        self.kept_secrets.keep(job.urn, inputs)
        self.given.enter(job.urn, inputs.destination, inputs.registry_auth)
        self.repositories.add(str(inputs.repository))
        return inputs

    def to_store(
        self, job: Job, olds: Values, news: Values, taken: SourceFacts | None, inputs: Inputs
    ) -> dict[str, Any]:
        """Return the inputs to store, given what reading the source told; None if that is not known yet."""
        if taken is None:
            return {**without_secrets(IMAGE_FIELDS, news), "fingerprint": UNKNOWN, "files": UNKNOWN}
        taken.report(job.task, olds)
        self.need(job, inputs, taken.fingerprint.digest)
        return {**without_secrets(IMAGE_FIELDS, news), **taken.as_inputs(olds)}

    def need(self, job: Job, inputs: Inputs, fingerprint: Any) -> None:
        """Note which tags the program uses: no resource of it may delete them."""
        target = known_target(inputs, plain(fingerprint))
        if target:
            self.ledger.need(job.urn, target.repository, (target.tag, *inputs.extra_tags))

    def check_ignored(self, job: Job, olds: Values, news: Values) -> Values:
        """Return the inputs with the content that they had: only `ignoreChanges` can have put its fingerprint there."""
        refuse(tuple(input_problems(news)))
        inputs = self.inputs_of(news)
        self.kept_secrets.keep(job.urn, inputs)
        self.given.enter(job.urn, inputs.destination, inputs.registry_auth)
        computed = {name: news.get(name, olds.get(name)) for name in COMPUTED}
        self.need(job, inputs, computed["fingerprint"])
        kept = {name: value for name, value in computed.items() if value is not None}
        return {**without_secrets(IMAGE_FIELDS, news), **kept}

    def diff(self, job: Job, old: State, news: Values) -> tuple[Change, ...]:
        """Compare inputs, and if so configured ask whether the image is still there."""
        found = changes(old.inputs, news)
        self.note_copy(old)
        if not found and self.settings.check_published == "always" and self.is_gone(job, old, news):
            job.task.info("the image is no longer in the registry and will be published again")
            self.gone.add(job.urn)
            found = (Change("fingerprint"),)
        elif found:
            job.task.info(explain(found, old.inputs, news))
        self.note_kept(job, old)
        return found

    def is_same_at_once(self, job: Job, old: State, news: Values) -> bool:
        """Say whether `diff` would find nothing; False as well if that took asking a registry."""
        asks = self.settings.check_published == "always"
        if asks or content_changed(old.inputs, news) or changes(old.inputs, news):
            return False
        self.note_copy(old)
        self.note_kept(job, old)
        return True

    def note_kept(self, job: Job, old: State) -> None:
        """Note that a resource has what it had: so says the state, until an update has succeeded."""
        if old.outputs:
            self.ledger.need(job.urn, *tags_of(old))

    def create(self, job: Job, inputs: Values) -> State:
        """Publish the image unless the registry has it."""
        outputs = self.make(job, inputs, {})
        known = outputs["imageUri"]
        return State("" if known is UNKNOWN else known, inputs, outputs)

    def update(self, job: Job, old: State, news: Values) -> Values:
        """Publish the new image; the old one stays."""
        return self.make(job, news, old.outputs)

    def make(self, job: Job, values: Values, before: Values) -> dict[str, Any]:
        """Publish, or in a preview say what is known of it; `before` are the outputs so far."""
        inputs = self.inputs_of(values)
        outputs = forecast(inputs, plain(values["fingerprint"]), values.get("archivePlatforms"), self.settings)
        target = known_target(inputs, plain(values["fingerprint"]))
        if job.preview:
            self.build_ahead(job, inputs, target, values)
            return outputs if job.urn in self.gone else kept_digest(outputs, before)
        if target is None:
            raise InputError.single("repository", "is still unknown when the image must be published")
        request = self.request(job, inputs, target, values)
        published_now = self.publisher.publish(request)
        if outputs["platforms"] is UNKNOWN:
            outputs["platforms"] = list(self.publisher.platforms_of(request, published_now.digest))
        self.ledger.leave_with(job.urn, target.repository, (target.tag, *inputs.extra_tags))
        same = before if before.get("imageUri") == str(target) else {}
        written = {**written_tags(same), **dict.fromkeys(published_now.written, published_now.digest)}
        key = same.get(BUILD_KEY) if same.get("imageDigest") == published_now.digest else None
        return published(outputs, published_now.digest, written, published_now.build_key or key)

    def build_ahead(self, job: Job, inputs: Inputs, target: Target | None, values: Values) -> None:
        """Build in a preview if the program asks for it, and all that reaches the build is known."""
        if not inputs.build_on_preview:
            return
        missing = inputs.unknown_in(*(row.name for row in SOURCE_FIELDS), "registryAuth", "aws")
        if missing:
            job.task.info(f"not built in this preview, as it is not known yet: {', '.join(missing)}")
        elif target is not None:
            self.publisher.try_build(self.request(job, inputs, target, values))

    def request(self, job: Job, inputs: Inputs, target: Target, values: Values) -> PublishRequest:
        """Gather what publishing one image needs."""
        return PublishRequest(
            job=job,
            inputs=inputs,
            target=target,
            fingerprint=values.get("fingerprint", ""),
            outline=rows_of(values),
            login=self.login(job, inputs),
            build_secrets=self.kept_secrets.build_secrets(job.urn, inputs),
            hidden=tuple(secret_texts(by_name(*SOURCE_FIELDS), values)),
        )

    def login(self, job: Job, inputs: Inputs) -> Login:
        """Return what is known about reaching a resource's registry."""
        return Login(self.given.to(job.urn), inputs.aws)

    def read(self, job: Job, old: State) -> State | None:
        """Ask the registry; only a clear "no such manifest" means gone, any trouble leaves the state as it is."""
        if not old.outputs:
            return self.import_image(job, old.id)
        target = stored_target(old)
        self.ledger.need(job.urn, *tags_of(old))
        try:
            digest = self.publisher.digest_of(target, job.task, self.login(job, parse_stored(old.inputs)))
        except AssetError as error:
            job.task.warn(f"the state is kept as it was, {target} could not be looked up: {error}")
            return old
        if digest is None:
            return None
        if digest == old.outputs.get("imageDigest"):
            return old
        job.task.warn(f"{target} now holds {digest}; somebody else has overwritten the tag")
        return State(old.id, old.inputs, published(old.outputs, digest, written_tags(old.outputs)))

    def import_image(self, job: Job, reference: str) -> State | None:
        """Take over a published image: `repository:tag` is all that is known of it."""
        target = parse_import(reference)
        digest = self.publisher.digest_of(target, job.task, Login())
        if digest is None:
            return None
        self.ledger.need(job.urn, target.repository, (target.tag,))
        outputs = {"imageUri": str(target), "imageTag": target.tag, **repository_outputs(target.repository)}
        return State(reference, {"repository": str(target.repository)}, published(outputs, digest, {}))

    def delete(self, job: Job, old: State) -> None:
        """Leave the registry alone, unless the program said that this resource's own tags may go.

        They stay if another resource of the program has them: this one's successor, or an equal one.
        """
        target = stored_target(old)
        may_go = plain(old.inputs.get("retainOnDelete")) is False
        written = written_tags(old.outputs) if may_go else {}
        removable = self.ledger.release(job.urn, target.repository, written)
        for tag in written.keys() - removable.keys():
            job.task.debug(f"{target.repository}:{tag} stays: another resource of this program has it")
        if may_go and removable:
            login = self.login(job, parse_stored(old.inputs))
            self.publisher.remove(target.repository, removable, job.task, login)
        self.refuse_full_repository(job, old)

    def refuse_full_repository(self, job: Job, old: State) -> None:
        """Refuse to go on where the asset's own repository is to go next, and AWS would not delete it.

        AWS's own words name a switch that the user has not got.

        Raises:
            CloudError: The repository holds the image still.
        """
        url = str(old.outputs.get("repositoryUrl"))
        if not keeps_images(old.inputs) or url in self.repositories:
            return
        target, login = stored_target(old), self.login(job, parse_stored(old.inputs))
        try:
            held = self.publisher.digest_of(target, job.task, login)
        except AssetError as error:
            job.task.debug(f"{target} could not be looked up: {error}")
            return
        if held:
            raise CloudError(FULL_REPOSITORY.format(url=url))

    def note_registered(self, urn: str, kind: str, values: Values, outputs: Values) -> None:
        """Remember what the engine says of a component that it has registered: also one that is no target of this run.

        Args:
            urn: The component's.
            kind: The type of the child that has the image.
            values: Its inputs.
            outputs: Its outputs.
        """
        uri = plain(outputs.get("imageUri"))
        if isinstance(uri, str) and uri:
            image, target = child_urn(urn, kind), parse_import(uri)
            # What was not checked is no target of an update, or of a destroy that runs the program.
            self.note_tags(image, target.repository, (target.tag, *extra_tags(values)))

    def note_tags(self, urn: str, repository: Repository, tags: tuple[str, ...]) -> None:
        """Remember the tags of a resource that the engine has registered."""
        note = self.ledger.leave_with if urn in self.checked else self.ledger.need
        note(urn, repository, tags)

    def note_copy(self, old: State) -> None:
        """Remember where a stored image is, in case the program now wants it in another repository too."""
        key, digest = old.outputs.get(BUILD_KEY), old.outputs.get("imageDigest")
        if isinstance(key, str) and digest:
            self.copies.note(key, stored_target(old).repository, digest)

    def is_gone(self, job: Job, old: State, news: Values) -> bool:
        """Say whether the registry clearly lacks the image; any trouble counts as no, and so does an unknown login."""
        if parse_stored(news).unknown_in("registryAuth"):
            return False
        target = stored_target(old)
        login = self.login(job, parse_stored(old.inputs))
        try:
            return not self.lookups.answer(str(target), partial(self.has, target, job.task, login))
        except AssetError as error:
            job.task.warn(f"{target} could not be looked up: {error}")
            return False


def keeps_images(inputs: Values) -> bool:
    """Say whether an image is in a repository of the asset's own that is not to be deleted with images in it."""
    own = reveal(inputs.get("ownRepository"))
    return isinstance(own, dict) and own.get("forceDelete") is not True


def refuse(found: tuple[Problem, ...]) -> None:
    """Raise all problems at once.

    Raises:
        InputError: There are any.
    """
    if found:
        raise InputError(found)


def explain(found: tuple[Change, ...], olds: Values, news: Values) -> str:
    """Say why an image changes: the first few paths and a count, and the options, never a value."""
    parts = []
    if plain(news.get("fingerprint")) is not UNKNOWN:
        files = str(describe_change(rows_of(olds), rows_of(news)))
        parts += [f"files: {files}"] if files else []
    options = option_names(found)
    parts += [f"inputs: {', '.join(options)}"] if options else []
    return "changed " + ("; ".join(parts) or "content")


def kept_digest(outputs: dict[str, Any], before: Values) -> dict[str, Any]:
    """Return the forecast; the digest is known if the image stays the same."""
    if before.get("imageUri") == outputs["imageUri"] and before.get("imageDigest"):
        return published(outputs, before["imageDigest"], written_tags(before), before.get(BUILD_KEY))
    return outputs


def stored_target(old: State) -> Target:
    """Return where a stored image is."""
    return parse_import(f"{old.outputs['repositoryUrl']}:{old.outputs['imageTag']}")


def parse_import(text: str) -> Target:
    """Parse an image's URI.

    Raises:
        InputError: It is no reference with a tag.
    """
    try:
        reference = Reference.parse(text)
    except ValueError as error:
        raise InputError.single("", f"the id to import is an image's URI, repository:tag; {error}") from error
    if not reference.tag:
        raise InputError.single("", f'the id to import is repository:tag; "{text}" has no tag')
    return Target(reference.repository, reference.tag)


def tags_of(old: State) -> tuple[Repository, tuple[str, ...]]:
    """Return the tags that a stored image has, and their repository."""
    target = stored_target(old)
    return target.repository, (target.tag, *extra_tags(old.inputs))


def extra_tags(values: Values) -> tuple[str, ...]:
    """Return the further tags that inputs ask for, as far as they are known."""
    listed = reveal(values.get("extraTags"))
    return tuple(tag for tag in listed if isinstance(tag, str)) if isinstance(listed, list) else ()


def child_urn(component: str, token: str) -> str:
    """Return the URN of a component's image (Pulumi: `urn:pulumi:STACK::PROJECT::PARENT_TYPE$TYPE::NAME`)."""
    stack, project, kind, name = component.split("::", 3)
    return "::".join((stack, project, f"{kind}${token}", name))
