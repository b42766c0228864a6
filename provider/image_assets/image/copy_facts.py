"""What a copy's inputs and its source tell of the copy: its tag, its outputs, whether the source can move. Pure."""

from typing import TYPE_CHECKING, Any

from image_assets.custom_resource import Values
from image_assets.image.outputs import published, repository_outputs, written_tags
from image_assets.inputs.replica import SEEN, SOURCE_DIGEST, ReplicaInputs, replica_tag
from image_assets.plan.target import Target
from image_assets.reference import TAG_DIGITS
from image_assets.values import UNKNOWN, plain, reveal

if TYPE_CHECKING:
    from image_assets.publishing.replicator import Seen


def source_urn(urn: str) -> str:
    """Return the name under which the login for a copy's source is kept."""
    return f"{urn} source"


def same_source(olds: Values, news: Values) -> bool:
    """Say whether two inputs ask for the same of the same image."""
    return all(reveal(olds.get(name)) == reveal(news.get(name)) for name in ("source", "platforms"))


def may_move(inputs: ReplicaInputs) -> bool:
    """Say whether a source can become another image under the same name."""
    return inputs.archive is not None or (inputs.reference is not None and inputs.reference.digest is None)


def unseen() -> dict[str, Any]:
    """Return what Check stores, in a preview, of a source that could not be looked at."""
    return dict.fromkeys((SOURCE_DIGEST, SEEN), UNKNOWN)


def stored_seen(seen: "Seen") -> dict[str, Any]:
    """Return what Check stores of a source."""
    more = {"copied": seen.copied} if seen.copied else {}
    return {SOURCE_DIGEST: seen.digest, SEEN: {**more, "platforms": list(seen.platforms)}}


def copied_digest(values: Values) -> str | None:
    """Return the digest that a copy has or will have, None if it is not known."""
    seen = reveal(values.get(SEEN))
    found = seen.get("copied") if isinstance(seen, dict) else None
    return found if isinstance(found, str) else None


def names_content(inputs: ReplicaInputs) -> bool:
    """Say whether a copy's tag is made of its digest; of some platforms of an image, the digest is another one."""
    return inputs.names_content or not (given_tag(inputs) or inputs.platforms)


def given_tag(inputs: ReplicaInputs) -> str | None:
    """Return the tag that the program gives, or the source's; None for one that is made of the digest."""
    return inputs.tag or (replica_tag(None, inputs.source) if inputs.source else None)


def copy_tag(inputs: ReplicaInputs, values: Values) -> Any:
    """Return the copy's tag: the given one, the source's, or the first digits of the source's digest."""
    if "tag" in inputs.unknown or (inputs.tag is None and "source" in inputs.unknown):
        return UNKNOWN
    if named := given_tag(inputs):
        return named
    digest = plain(values.get(SOURCE_DIGEST)) or (inputs.reference.digest if inputs.reference else UNKNOWN)
    digest = inputs.reference.digest if digest is UNKNOWN and inputs.reference else digest
    return UNKNOWN if digest is UNKNOWN or digest is None else digest.partition(":")[2][:TAG_DIGITS]


def target_of(inputs: ReplicaInputs, values: Values) -> Target | None:
    """Return where the copy goes, None while repository or tag is unknown."""
    tag = copy_tag(inputs, values)
    return None if inputs.destination is None or tag is UNKNOWN else Target(inputs.destination, tag)


def forecast(inputs: ReplicaInputs, values: Values, before: Values) -> dict[str, Any]:
    """Return the outputs as far as they are known; the digest is, if the source could be asked."""
    target, seen, digest = target_of(inputs, values), reveal(values.get(SEEN)), plain(values.get(SOURCE_DIGEST))
    known = isinstance(seen, dict)
    outputs = {
        "imageUri": str(target) if target else UNKNOWN,
        "imageTag": copy_tag(inputs, values),
        "assetHash": digest.partition(":")[2] if isinstance(digest, str) else UNKNOWN,
        "imageDigest": UNKNOWN,
        "imageDigestUri": UNKNOWN,
        **repository_outputs(inputs.destination),
        "platforms": seen["platforms"] if known else UNKNOWN,
    }
    copied = copied_digest(values)
    return published(outputs, copied, written_tags(before)) if copied and inputs.destination else outputs
