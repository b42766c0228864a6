"""An image in a registry, named by the fingerprint of its content. START READING HERE.

Every decision about an image is one of the six methods below. `check` takes the fingerprint and stores it as an input;
`diff` compares inputs; `create` and `update` publish what the registry lacks; `read` asks whether it is still there;
`delete` leaves the registry alone unless told otherwise. In a preview nothing is built and the registry gets nothing.
"""

import os
from concurrent.futures import Future
from functools import partial
from types import MappingProxyType
from typing import Any

from image_assets.context import describe_change
from image_assets.custom_resource import Change, Job, State, Values
from image_assets.errors import InputError, Problem
from image_assets.image.diff import changes, content_changed, option_names
from image_assets.image.kept_secrets import KeptSecrets
from image_assets.image.outputs import BUILD_KEY, forecast, published, written_tags
from image_assets.image.program import Program
from image_assets.image.stored import tags_of
from image_assets.image.tagged import TaggedImage, at_same_address, refuse, tell_overwritten
from image_assets.inputs.build_fields import BUILD_FIELDS
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
from image_assets.logins.given import Login
from image_assets.plan.fingerprints import Begun, SourceFacts
from image_assets.plan.locations import location_problems
from image_assets.plan.plan import locate
from image_assets.plan.rows import rows_of
from image_assets.plan.stages import missing_stage
from image_assets.plan.target import Target, known_target
from image_assets.publishing.request import PublishRequest
from image_assets.task import Task
from image_assets.values import UNKNOWN, plain


class PublishedImage(TaggedImage):
    """The resource type `image-assets:index:PublishedImage` (see `CustomResource` for what each method is)."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.kept_secrets = KeptSecrets()
        #: The images that the registry was found to have lost.
        self.gone: set[str] = set()
        #: What `begin` has begun to read, by the image's URN.
        self.reading: dict[str, Begun] = {}

    def inputs_of(self, values: Values) -> Inputs:
        """Return checked inputs, their paths absolute."""
        return locate(parse_stored(values), self.program.base)

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
        found = (
            *asset_problems(kind, values),
            *more,
            *location_problems(values, self.program.settings, self.program.base),
        )
        self.refused[urn] = found
        if not found:
            inputs = self.inputs_of({**values, **handed_on})
            # Its image's `check` may come after another image needs the login.
            self.program.given.enter(str(inputs.repository), inputs.destination, inputs.registry_auth)
            begun = self.program.fingerprints.begin(inputs, task)
            if begun:
                self.reading[urn] = begun
            if begun and self.program.settings.check_published == "always":
                begun.facts.add_done_callback(partial(self.begin_lookup, inputs, task))
        return not found

    def begin_lookup(self, inputs: Inputs, task: Task, taken: "Future[SourceFacts]") -> None:
        """Start asking the registry whether it has the image, which `diff` will want to know."""
        target = None if taken.exception() else known_target(inputs, taken.result().fingerprint.digest)
        if target and not inputs.unknown_in("registryAuth"):
            login = Login(inputs.registry_auth, inputs.aws)
            self.program.lookups.begin(str(target), partial(self.program.has, target, task, login))

    def check(self, job: Job, olds: Values, news: Values) -> Values:
        """Return the inputs to store: the program's own without secret values, the fingerprint and its outline."""
        if "fingerprint" in news:
            return self.check_ignored(job, olds, news)
        inputs = self.accept(job, news)
        begun = self.reading.pop(job.urn, None)
        taken = self.program.fingerprints.of(inputs, job.task, parse_stored(olds), begun)
        return self.to_store(job, olds, news, taken, inputs)

    def check_at_once(self, job: Job, olds: Values, news: Values) -> Values | None:
        """Return what `check` would, if that need not wait; None if it would.

        The engine asks for one resource after the other, and the plugin's threads hand each question on three times.
        """
        begun = self.reading.get(job.urn)
        if begun is None or not begun.facts.done() or "fingerprint" in news:
            return None
        inputs = self.accept(job, news)
        taken = self.program.fingerprints.taken(inputs, begun)
        if taken is None:
            return None
        del self.reading[job.urn]
        return self.to_store(job, olds, news, taken, inputs)

    def accept(self, job: Job, news: Values) -> Inputs:
        """Refuse bad inputs; note what others of the program must know of good ones, and return them."""
        refuse(self.refused.get(job.urn, ()))
        refuse((*input_problems(news), *location_problems(news, self.program.settings, self.program.base)))
        inputs = self.inputs_of(news)
        self.program.checked.add(job.urn)
        self.kept_secrets.keep(job.urn, inputs)
        self.program.given.enter(job.urn, inputs.destination, inputs.registry_auth)
        self.program.repositories.add(str(inputs.repository))
        return inputs

    def to_store(
        self, job: Job, olds: Values, news: Values, taken: SourceFacts | None, inputs: Inputs
    ) -> dict[str, Any]:
        """Return the inputs to store, given what reading the source told; None if that is not known yet."""
        if taken is None:
            return {**without_secrets(IMAGE_FIELDS, news), "fingerprint": UNKNOWN, "files": UNKNOWN}
        taken.report(job.task, olds)
        digest = taken.fingerprint.digest
        self.need(job, inputs, digest)
        if inputs.destination:
            stays = plain(olds.get("fingerprint")) == digest
            self.program.own.note(inputs.destination, inputs.extra_tags, None if stays else UNKNOWN)
        return {**without_secrets(IMAGE_FIELDS, news), **taken.as_inputs(olds)}

    def need(self, job: Job, inputs: Inputs, fingerprint: Any) -> None:
        """Note which tags the program uses: no resource of it may delete them."""
        target = known_target(inputs, plain(fingerprint))
        if target:
            self.program.ledger.need(job.urn, target.repository, (target.tag, *inputs.extra_tags))
            self.program.own.note_content(target.repository, target.tag)

    def check_ignored(self, job: Job, olds: Values, news: Values) -> Values:
        """Return the inputs with the content that they had: only `ignoreChanges` can have put its fingerprint there."""
        refuse(tuple(input_problems(news)))
        inputs = self.inputs_of(news)
        self.kept_secrets.keep(job.urn, inputs)
        self.program.given.enter(job.urn, inputs.destination, inputs.registry_auth)
        computed = {name: news.get(name, olds.get(name)) for name in COMPUTED}
        self.need(job, inputs, computed["fingerprint"])
        kept = {name: value for name, value in computed.items() if value is not None}
        return {**without_secrets(IMAGE_FIELDS, news), **kept}

    def diff(self, job: Job, old: State, news: Values) -> tuple[Change, ...]:
        """Compare inputs, and if so configured ask whether the image is still there."""
        found = changes(old.inputs, news)
        self.program.note_copy(old)
        if not found and self.may_be_gone(news) and self.is_gone(job, old):
            job.task.info("the image is no longer in the registry and will be published again")
            self.gone.add(job.urn)
            found = (Change("fingerprint"),)
        elif found:
            job.task.info(explain(found, old.inputs, news))
        self.note_kept(job, old)
        return found

    def is_same_at_once(self, job: Job, old: State, news: Values) -> bool:
        """Say whether `diff` would find nothing; False as well if that took asking a registry."""
        asks = self.program.settings.check_published == "always"
        if asks or content_changed(old.inputs, news) or changes(old.inputs, news):
            return False
        self.program.note_copy(old)
        self.note_kept(job, old)
        return True

    def note_kept(self, job: Job, old: State) -> None:
        """Note that a resource has what it had: so says the state, until an update has succeeded."""
        if old.outputs:
            self.program.ledger.need(job.urn, *tags_of(old))

    def make(self, job: Job, values: Values, before: Values) -> dict[str, Any]:
        """Publish, or in a preview say what is known of it; `before` are the outputs so far."""
        inputs = self.inputs_of(values)
        outputs = forecast(inputs, plain(values["fingerprint"]), values.get("archivePlatforms"), self.program.settings)
        target = known_target(inputs, plain(values["fingerprint"]))
        if job.preview:
            self.build_ahead(job, inputs, target, values)
            if target and at_same_address(before, target) and job.urn not in self.gone:
                return self.with_kept_digest(job, inputs, target, outputs, before)
            tell_missing(job, inputs, self.program.settings)
            return outputs
        if target is None:
            raise InputError.single("repository", "is still unknown when the image must be published")
        request = self.request(job, inputs, target, values)
        published_now = self.program.publisher.publish(request)
        same = at_same_address(before, target)
        if same and same.get("imageDigest") != published_now.digest and target.tag not in published_now.written:
            tell_overwritten(job, target, published_now.digest)
        if outputs["platforms"] is UNKNOWN:
            outputs["platforms"] = list(self.program.publisher.platforms_of(request, published_now.digest))
        written = self.now_written(job, target, inputs.extra_tags, before, published_now)
        key = same.get(BUILD_KEY) if same.get("imageDigest") == published_now.digest else None
        return published(outputs, published_now.digest, written, published_now.build_key or key)

    def with_kept_digest(
        self, job: Job, inputs: Inputs, target: Target, outputs: dict[str, Any], before: Values
    ) -> dict[str, Any]:
        """Return the forecast of a tag that stays, with the digest if it holds an image, which `publish` then finds.

        What somebody else has put there counts for a build. An archive must hold it, and that is not looked at here.
        """
        held = None if inputs.unknown_in("registryAuth", "aws") else self.held(job, target, self.login(job, inputs))
        if held is None:
            return outputs
        if held == before.get("imageDigest"):
            return published(outputs, held, written_tags(before), before.get(BUILD_KEY))
        tell_overwritten(job, target, held)
        return published(outputs, held, written_tags(before)) if inputs.is_built else outputs

    def build_ahead(self, job: Job, inputs: Inputs, target: Target | None, values: Values) -> None:
        """Build in a preview if the program asks for it, and all that reaches the build is known."""
        if not inputs.build_on_preview:
            return
        missing = inputs.unknown_in(*(row.name for row in BUILD_FIELDS), "registryAuth", "aws")
        if missing:
            job.task.info(f"not built in this preview, as it is not known yet: {', '.join(missing)}")
        elif target is not None:
            self.program.publisher.try_build(self.request(job, inputs, target, values))

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
            hidden=tuple(secret_texts(by_name(*BUILD_FIELDS), values)),
        )

    def login(self, job: Job, inputs: Inputs) -> Login:
        """Return what is known about reaching a resource's registry."""
        return Login(self.program.given.to(job.urn), inputs.aws)

    def login_by(self, job: Job, values: Values) -> Login:
        """See `TaggedImage`."""
        return self.login(job, parse_stored(values))

    def may_be_gone(self, news: Values) -> bool:
        """Say whether the registry is to be asked for an image that has not changed, and its login is known."""
        asked = self.program.settings.check_published == "always"
        return asked and not parse_stored(news).unknown_in("registryAuth")


def tell_missing(job: Job, inputs: Inputs, settings: Settings) -> None:
    """Warn in a preview of a build without its secrets or its stage; the machine that builds may be another one."""
    if not inputs.is_built:
        return
    from image_assets.publishing.build_spec import missing_secrets  # noqa: PLC0415 - a preview without changes needs none

    stage = missing_stage(inputs, settings)
    lacking = "; ".join([*missing_secrets(inputs.build_secrets, os.environ), *([stage] if stage else [])])
    if lacking:
        job.task.warn(f"unless that changes, `pulumi up` fails to build the image: {lacking}")


def explain(found: tuple[Change, ...], olds: Values, news: Values) -> str:
    """Say why an image changes: the first few paths and a count, and the options, never a value."""
    parts = []
    if plain(news.get("fingerprint")) is not UNKNOWN:
        files = str(describe_change(rows_of(olds), rows_of(news)))
        parts += [f"files: {files}"] if files else []
    options = option_names(found)
    parts += [f"inputs: {', '.join(options)}"] if options else []
    return "changed " + ("; ".join(parts) or "content")
