"""Looking at a repository, and deleting from it, by Amazon ECR's own API: it tells when images were pushed.

API reference: DescribeImages, BatchGetImage and BatchDeleteImage.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from image_assets.aws.ecr import Aws
from image_assets.aws.errors import Call, ImageMissingError
from image_assets.aws.names import RepositoryArn
from image_assets.errors import CloudError
from image_assets.oci.media_types import ACCEPT, INDEXES
from image_assets.retention.documents import parts_of
from image_assets.retention.model import Deletions, Done, Held, Stored
from image_assets.retention.rules import subject_of_tag, with_what_it_needs
from image_assets.task import Task

_PAGE: Final = 1000
_BATCH: Final = 100
_GONE: Final = "ImageNotFound"
_STAYS: Final = {
    "ImageReferencedByManifestList": "an index that has appeared since the look needs it",
    "ImageTagDoesNotMatchDigest": "its tag has moved since the look",
}


class EcrRepository:
    """One repository of ECR.

    Args:
        aws: How AWS is reached.
        arn: The repository.
        task: Stops it, and shows how far it is.
    """

    def __init__(self, aws: Aws, arn: RepositoryArn, task: Task) -> None:
        self._aws = aws
        self._arn = arn
        self._task = task

    def look(self, stays: Callable[[Held], frozenset[str]]) -> dict[str, Stored]:
        """Return what the repository holds.

        What a plain image that stays anyway is made of is not asked for, as ECR takes that for a pull.

        Args:
            stays: Returns the keys of what stays without regard to what is in it.

        Raises:
            CloudError: ECR refused or failed.
        """
        details = {str(one["imageDigest"]): one for one in self._describe()}
        held = {digest: _stored(digest, one) for digest, one in details.items()}
        read: set[str] = set()
        while asked := _unread(details, stays(held), read):
            self._read(asked, held)
            read.update(asked)
        return held

    def _read(self, digests: Sequence[str], held: dict[str, Stored]) -> None:
        """Enter what manifests say of their children and subjects."""
        for at in range(0, len(digests), _BATCH):
            self._task.status(f"reading {at + 1} to {min(at + _BATCH, len(digests))} of {len(digests)} manifests")
            for digest, content in self._manifests(digests[at : at + _BATCH]):
                parts = parts_of(content)
                one = held[digest]
                subjects = {*one.subjects, *parts.subject} - {digest}
                held[digest] = replace(one, children=parts.children, subjects=tuple(sorted(subjects)))

    def remove(self, held: Held, going: Sequence[tuple[int, Stored]], deletions: Deletions) -> None:
        """Delete images in batches, each image only if nothing has changed about it since the look.

        Args:
            held: What the look found.
            going: What goes; the number says after how many others, of which none may be in the same batch.
            deletions: Takes down what was done.

        Raises:
            CloudError: ECR refused or failed; what was done until then stands in `deletions`.
            CancelledByUserError: The user cancelled; the same.
        """
        done = 0
        for batch in _batches(going):
            self._task.check()
            self._task.status(f"deleting {done + 1} to {done + len(batch)} of {len(going)}")
            done += len(batch)
            waiting = [one for one in batch if one.key not in deletions.done]
            now = self._again([one.digest for one in waiting])
            for one in waiting:
                self._judge(one, now.get(one.digest), held, deletions)
            self._delete([one for one in waiting if one.key not in deletions.done], held, deletions)

    def _judge(self, one: Stored, now: Stored | None, held: Held, deletions: Deletions) -> None:
        if now is None:
            deletions.done[one.key] = (Done.GONE, "")
        elif not set(now.tags) <= set(one.tags) or now.pushed != one.pushed:
            _keep(one, held, "it was pushed or tagged anew since the look", deletions)

    def _delete(self, images: Sequence[Stored], held: Held, deletions: Deletions) -> None:
        # A tag with its digest: only while the two belong together, and an image that gets another tag meanwhile stays.
        ids = [
            {"imageDigest": one.digest, **({"imageTag": tag} if tag else {})}
            for one in images
            for tag in (one.tags or ("",))
        ]
        failures: dict[str, str] = {}
        deleted: set[str] = set()
        for at in range(0, len(ids), _BATCH):
            answer = self._call("batch_delete_image", imageIds=ids[at : at + _BATCH])
            deleted.update(str(one.get("imageDigest")) for one in answer.get("imageIds", ()))
            for failure in answer.get("failures", ()):
                failures[_digest_of(failure, images)] = _refusal(failure)
        for one in images:
            code = failures.get(one.digest, "").partition(":")[0]
            if code in _STAYS:
                _keep(one, held, _STAYS[code], deletions)
            elif one.digest in deleted or not code:
                deletions.done[one.key] = (Done.DELETED, "")
            elif code == _GONE:
                deletions.done[one.key] = (Done.GONE, "")
        if others := [text for text in failures.values() if text.partition(":")[0] not in {_GONE, *_STAYS}]:
            raise CloudError(f"ecr:BatchDeleteImage on {self._arn}: {others[0]}")

    def _again(self, digests: Sequence[str]) -> Mapping[str, Stored]:
        """Return what a few images are now; those that are gone are not among them."""
        if not digests:
            return {}
        try:
            details = self._call("describe_images", imageIds=[{"imageDigest": one} for one in digests])["imageDetails"]
        except ImageMissingError:
            details = self._describe()
        return {str(one["imageDigest"]): _stored(str(one["imageDigest"]), one) for one in details}

    def _describe(self) -> Iterator[Mapping[str, Any]]:
        more: dict[str, str] = {}
        while True:
            answer = self._call("describe_images", maxResults=_PAGE, **more)
            yield from answer["imageDetails"]
            if not answer.get("nextToken"):
                return
            more = {"nextToken": answer["nextToken"]}

    def _manifests(self, digests: Sequence[str]) -> Iterator[tuple[str, str]]:
        answer = self._call(
            "batch_get_image",
            imageIds=[{"imageDigest": digest} for digest in digests],
            acceptedMediaTypes=ACCEPT.split(", "),
        )
        wrong = [one for one in answer.get("failures", ()) if one.get("failureCode") != _GONE]
        if wrong:
            raise CloudError(f"ecr:BatchGetImage on {self._arn}: {_refusal(wrong[0])}")
        for one in answer["images"]:
            yield str(one["imageId"]["imageDigest"]), str(one["imageManifest"])

    def _call(self, method: str, **arguments: Any) -> Any:
        call = Call(method, self._arn.region, str(self._arn))
        return self._aws.call(
            call, self._task, registryId=self._arn.account, repositoryName=self._arn.name, **arguments
        )


def _unread(details: Mapping[str, Mapping[str, Any]], staying: AbstractSet[str], read: AbstractSet[str]) -> list[str]:
    """Return what must be read before anything can be said: indexes, and all that would go."""
    return [
        digest
        for digest, one in details.items()
        if digest not in read and (digest not in staying or one.get("imageManifestMediaType") in INDEXES)
    ]


def _stored(digest: str, detail: Mapping[str, Any]) -> Stored:
    tags = tuple(sorted(map(str, detail.get("imageTags") or ())))
    pushed = detail.get("imagePushedAt")
    time = pushed.astimezone(UTC) if isinstance(pushed, datetime) else None
    subjects = {*filter(None, map(subject_of_tag, tags)), *filter(None, [detail.get("subjectManifestDigest")])}
    return Stored(
        digest,
        tags,
        created=time,
        pushed=time,
        size=int(detail.get("imageSizeInBytes") or 0),
        subjects=tuple(sorted(subjects)),
    )


def _batches(going: Sequence[tuple[int, Stored]]) -> Iterator[list[Stored]]:
    """Yield what can be deleted together."""
    for depth in sorted({depth for depth, _ in going}):
        level = [one for own, one in going if own == depth]
        for at in range(0, len(level), _BATCH):
            yield level[at : at + _BATCH]


def _keep(one: Stored, held: Held, why: str, deletions: Deletions) -> None:
    for key in with_what_it_needs(held, one.key):
        deletions.done.setdefault(key, (Done.KEPT, why))


def _digest_of(failure: Mapping[str, Any], images: Sequence[Stored]) -> str:
    """Return which image a failure is about."""
    about = failure.get("imageId") or {}
    tag = about.get("imageTag")
    return str(about.get("imageDigest") or next((one.digest for one in images if tag in one.tags), ""))


def _refusal(failure: Mapping[str, Any]) -> str:
    return f"{failure.get('failureCode')}: {failure.get('failureReason')}"
