"""`image-assets gc` on an emulated ECR: its own API, in batches."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from image_assets.aws.ecr import Aws
from image_assets.aws.names import RepositoryArn
from image_assets.aws.settings import AwsSettings
from image_assets.errors import CloudError
from image_assets.retention.ecr import EcrRepository
from image_assets.retention.model import Deletions, Done, Held
from image_assets.retention.order import in_order
from image_assets.retention.rules import Rules, decide
from image_assets.task import Task
from tests.fakes.ecr_front import ACCOUNT, REGION, EcrFront
from tests.fakes.images import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, an_image, encoded, oci_index, sha256
from tests.retention.conftest import Gc
from tests.support.paths import VENV_BIN


class Ecr:
    """One repository of the emulated ECR."""

    def __init__(self, aws: EcrFront, name: str) -> None:
        self.aws = aws
        self.name = name
        self.environ = {**aws.environ, "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
        aws.client("ecr").create_repository(repositoryName=name)

    @property
    def url(self) -> str:
        return f"{self.aws.address}/{self.name}"

    def put(self, document: dict[str, Any], *tags: str) -> str:
        content = encoded(document)
        for tag in tags or ("",):
            self.aws.client("ecr").put_image(
                repositoryName=self.name, imageManifest=content.decode(), imageDigest=sha256(content),
                imageManifestMediaType=document["mediaType"], **({"imageTag": tag} if tag else {}),
            )  # fmt: skip
        return sha256(content)

    def image(self, seed: str, *tags: str, **more: Any) -> str:
        config = {"mediaType": OCI_CONFIG, "digest": sha256(seed.encode()), "size": len(seed)}
        return self.put({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [], **more}, *tags)

    def index(self, children: list[str], *tags: str) -> str:
        manifests = [{"mediaType": OCI_MANIFEST, "digest": child, "size": 1} for child in children]
        return self.put({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}, *tags)

    def there(self) -> dict[str, set[str]]:
        every = self.aws.client("ecr").describe_images(repositoryName=self.name)["imageDetails"]
        return {one["imageDigest"]: set(one.get("imageTags", ())) for one in every}

    def repository(self) -> EcrRepository:
        settings = AwsSettings(endpoint=self.aws.endpoint)
        return EcrRepository(Aws(settings), RepositoryArn("aws", REGION, ACCOUNT, self.name), Task())


@pytest.fixture
def ecr(aws: EcrFront, repository_name: str, monkeypatch: pytest.MonkeyPatch) -> Ecr:
    """A new repository."""
    made = Ecr(aws, repository_name)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    return made


def settle(held: Held) -> frozenset[str]:
    return frozenset(one.stored.key for one in decide(held, [], Rules(), datetime.now(UTC)) if one.stays)


def test_published_images_go_with_their_platforms(gc: Gc, ecr: Ecr, tmp_path: Path) -> None:
    for tag in ("kept", "gone"):
        shared = an_image("shared")
        images = {"linux/amd64": shared, "linux/arm64": an_image(tag, architecture="arm64")}
        (tmp_path / "app.tar").write_bytes(oci_index(images))
        command = [str(VENV_BIN / "image-assets"), "publish", str(tmp_path / "app.tar"), f"{ecr.url}:{tag}"]
        subprocess.run(command, check=True)
    # Two indexes, the image that both have and one of each, and a note about the former with the tag of its list.
    assert len(ecr.there()) == 7
    ran = gc(ecr.url, "--keep-last", "0", "--protect", "kept", "--yes")
    assert ran.report["deleted"] == 2
    assert len(ecr.there()) == 5
    tags = {tag for tags in ecr.there().values() for tag in tags}
    assert {tag for tag in tags if not tag.startswith("sha256-")} == {"kept"}
    assert len(tags) == 2
    assert gc(ecr.url, "--keep-last", "0", "--protect", "kept", "--yes").report["deleted"] == 0


def test_hundreds_go_in_batches(gc: Gc, ecr: Ecr) -> None:
    for number in range(250):
        ecr.image(f"image {number}", f"v{number}")
    ecr.aws.seen.clear()
    ran = gc(ecr.url, "--keep-last", "0", "--protect", "v1?", "--yes")
    assert ran.report["deleted"] == 240
    assert len(ecr.there()) == 10
    actions = [seen.action for seen in ecr.aws.seen if seen.action.startswith("ecr:") and seen.key != "token"]
    assert actions.count("ecr:BatchDeleteImage") == 3
    assert actions.count("ecr:DescribeImages") == 1 + 3
    assert actions.count("ecr:BatchGetImage") == 3


def test_the_time_of_the_push_counts_and_what_has_no_tag_yet_stays(gc: Gc, ecr: Ecr) -> None:
    untagged = ecr.image("untagged")
    tagged = ecr.image("tagged", "tagged")
    assert gc(ecr.url, "--min-age", "1h", "--yes").report["deleted"] == 0
    assert "on its way" in gc(ecr.url, "--keep-last", "0", "--yes").report["images"][-1]["why"]
    assert set(ecr.there()) == {untagged}
    gc(ecr.url, "--keep-last", "0", "--untagged-age", "0", "--yes")
    assert tagged not in ecr.there()
    assert ecr.there() == {}


def test_referrers_and_children_of_what_is_kept_stay(gc: Gc, ecr: Ecr) -> None:
    child = ecr.image("child")
    kept = ecr.index([child], "kept")
    both = ecr.index([child, ecr.image("only here")], "gone")
    about = [ecr.image(f"about {one}", subject={"digest": one}) for one in (kept, child, both)]
    gc(ecr.url, "--keep-last", "0", "--untagged-age", "0", "--protect", "kept", "--yes")
    assert set(ecr.there()) == {child, kept, *about[:2]}


def test_nothing_but_what_is_listed_is_needed(gc: Gc, ecr: Ecr) -> None:
    ecr.image("a", "a")
    reading = {"ecr:GetAuthorizationToken", "sts:GetCallerIdentity", "ecr:DescribeImages", "ecr:BatchGetImage"}
    ecr.aws.allowed = reading
    assert gc(ecr.url, "--keep-last", "0").report["deletable"] == 1
    ran = gc(ecr.url, "--keep-last", "0", "--yes", code=1)
    assert "ecr:BatchDeleteImage" in ran.report["error"]
    assert (ran.report["deleted"], len(ecr.there())) == (0, 1)
    ecr.aws.allowed = reading | {"ecr:BatchDeleteImage"}
    assert gc(ecr.url, "--keep-last", "0", "--yes").report["deleted"] == 1


def test_an_image_that_is_kept_is_not_pulled(gc: Gc, ecr: Ecr) -> None:
    ecr.image("a", "a")
    ecr.aws.seen.clear()
    gc(ecr.url, "--keep-last", "1")
    assert "ecr:BatchGetImage" not in ecr.aws.actions()


def test_what_changed_since_the_look_stays(ecr: Ecr) -> None:
    retagged, moved, plain, child = (ecr.image(name, *([name] if name != "child" else [])) for name in
                                     ("retagged", "moved", "plain", "child"))  # fmt: skip
    ecr.index([child], "index")
    vanished = ecr.image("vanished", "vanished")
    repository = ecr.repository()
    held = repository.look(settle)
    going = in_order(decide(held, [], Rules(keep_last=0, untagged_age=timedelta()), datetime.now(UTC)))
    ecr.image("retagged", "new")
    ecr.index([child, plain], "newer")
    newest = ecr.image("newest")
    ecr.aws.client("ecr").batch_delete_image(repositoryName=ecr.name, imageIds=[{"imageDigest": vanished}])
    deletions = Deletions()
    repository.remove(held, going, deletions)
    assert {retagged, plain, child, newest} <= set(ecr.there())
    assert moved not in ecr.there()
    done = {key: what for key, (what, _) in deletions.done.items()}
    assert (done[retagged], done[plain], done[child]) == (Done.KEPT, Done.KEPT, Done.KEPT)
    assert (done[moved], done[vanished]) == (Done.DELETED, Done.GONE)


def test_a_failure_in_the_middle_tells_what_was_done(ecr: Ecr) -> None:
    for number in range(150):
        ecr.image(f"image {number}", f"v{number}")
    repository = ecr.repository()
    held = repository.look(settle)
    going = in_order(decide(held, [], Rules(keep_last=0), datetime.now(UTC)))
    deletions = Deletions()

    class Refusing(dict[str, tuple[Done, str]]):
        """Lets AWS refuse once the first batch is taken down."""

        def __setitem__(self, key: str, value: tuple[Done, str]) -> None:
            super().__setitem__(key, value)
            ecr.aws.allowed = {"ecr:DescribeImages"} if len(self) == 100 else None

    deletions.done = Refusing()
    with pytest.raises(CloudError, match="access denied"):
        repository.remove(held, going, deletions)
    assert len(deletions.done) == 100
    assert len(ecr.there()) == 50


def test_hosts_of_ecr_are_asked_by_its_api(gc: Gc, ecr: Ecr) -> None:
    ecr.image("a", "a")
    host = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{ecr.name}"
    ran = gc(host, "--keep-last", "0", text=json.dumps({"image": f"{ACCOUNT}.dkr-ecr.{REGION}.on.aws/{ecr.name}:a"}))
    assert ran.all_that("keep") == {"a"}
    assert "does not exist" in gc(f"{host}-absent", code=1).errors
