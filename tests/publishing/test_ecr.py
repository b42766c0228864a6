"""Images into an ECR that has ECR's rules, without an engine and without docker."""

from pathlib import Path
from typing import Any

import pytest

from image_assets.custom_resource import Job, State
from image_assets.errors import AssetError, RegistryError
from image_assets.image.program import Program
from image_assets.image.resource import PublishedImage
from image_assets.inputs.settings import Settings
from image_assets.task import Task
from tests.fakes.ecr_front import EcrFront
from tests.fakes.images import an_image, docker_save

JOB = Job("urn:pulumi:dev::proj::image-assets:index:PublishedImage::api")


@pytest.fixture
def url(aws: EcrFront, repository_name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new repository with immutable tags, and this process as a user of its AWS."""
    for name, value in aws.environ.items():
        monkeypatch.setenv(name, value)
    aws.client("ecr").create_repository(repositoryName=repository_name, imageTagMutability="IMMUTABLE")
    aws.seen.clear()
    return f"{aws.address}/{repository_name}"


@pytest.fixture
def images(tmp_path: Path) -> PublishedImage:
    """One provider process."""
    return PublishedImage(Program(Settings(cache_directory=str(tmp_path / "cache")), tmp_path))


def _inputs(images: PublishedImage, folder: Path, url: str, seed: str, **more: Any) -> dict[str, Any]:
    (folder / "image.tar").write_bytes(docker_save(an_image(seed)))
    return dict(images.check(JOB, {}, {"tarballFile": "image.tar", "repository": url, **more}))


def test_whether_an_image_is_there_is_asked_early_as_the_stack_reaches_aws(
    aws: EcrFront, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `checkPublished: always`: the component is asked first, and its inputs do not tell how."""
    settings = Settings(cache_directory=str(tmp_path / "cache"), check_published="always")
    given = {"aws": {"endpoint": aws.endpoint, "region": "us-east-1"}}
    state = _published(PublishedImage(Program(settings, tmp_path)), tmp_path, url, given)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    images, heard = PublishedImage(Program(settings, tmp_path)), list[str]()
    job = Job(JOB.urn, Task(warn=heard.append))
    values = {"tarballFile": "image.tar", "repository": url}
    assert images.begin(JOB.urn, "image-assets:index:TarballImageAsset", values, Task(), (), given)
    news = images.check(job, state.inputs, {**values, **given})
    assert (images.diff(job, state, news), heard) == ((), [])


def _published(images: PublishedImage, folder: Path, url: str, given: dict[str, Any]) -> State:
    inputs = _inputs(images, folder, url, "early", **given)
    return images.create(JOB, inputs)


def _tags(aws: EcrFront, url: str) -> set[str]:
    found = aws.client("ecr").describe_images(repositoryName=url.partition("/")[2])["imageDetails"]
    return {tag for image in found for tag in image.get("imageTags", ())}


def test_after_twenty_changes_each_published_tag_is_still_there(
    aws: EcrFront, images: PublishedImage, tmp_path: Path, url: str
) -> None:
    """R1, R6: with one login for all of them."""
    inputs = _inputs(images, tmp_path, url, "0")
    state = images.create(JOB, inputs)
    published = {state.outputs["imageTag"]}
    for number in range(1, 20):
        news = _inputs(images, tmp_path, url, str(number))
        state = State(state.id, news, images.update(JOB, state, news))
        published.add(state.outputs["imageTag"])
    assert len(published) == 20
    assert _tags(aws, url) == published
    assert aws.actions().count("ecr:GetAuthorizationToken") == 1
    assert "ecr:BatchDeleteImage" not in aws.actions()
    assert images.read(JOB, state) == state


def test_an_image_that_ecr_has_is_not_sent_again(
    aws: EcrFront, images: PublishedImage, tmp_path: Path, url: str
) -> None:
    inputs = _inputs(images, tmp_path, url, "a")
    first = images.create(JOB, inputs)
    aws.seen.clear()
    assert images.create(JOB, inputs).outputs["imageDigest"] == first.outputs["imageDigest"]
    assert set(aws.actions()) == {"ecr:BatchGetImage"}


def test_a_missing_repository_is_an_error_that_names_it(images: PublishedImage, tmp_path: Path, url: str) -> None:
    inputs = _inputs(images, tmp_path, f"{url}-absent", "a")
    with pytest.raises(RegistryError, match=r"absent' does not exist in the registry.* ImageRepository.*-name test/"):
        images.create(JOB, inputs)


@pytest.mark.parametrize("end", ["expire", "revoke"])
def test_a_token_that_ends_in_mid_upload_is_renewed_once(
    aws: EcrFront, images: PublishedImage, tmp_path: Path, url: str, end: str
) -> None:
    """Twice in a row, with one minute at least between the renewals of a token."""
    for seed in ("a", "b"):
        aws.end_tokens = end
        made = images.create(JOB, _inputs(images, tmp_path, f"{url}", seed))
        assert made.outputs["imageTag"] in _tags(aws, url)
        assert aws.end_tokens == ""
        images = PublishedImage(Program(Settings(cache_directory=str(tmp_path / "other")), tmp_path))
    assert aws.actions().count("ecr:GetAuthorizationToken") == 4


def test_a_registry_that_refuses_every_token_is_asked_with_two_of_them(
    aws: EcrFront, images: PublishedImage, tmp_path: Path, url: str
) -> None:
    aws.refuse_tokens = True
    with pytest.raises(AssetError, match="token has expired"):
        images.create(JOB, _inputs(images, tmp_path, url, "b"))
    assert aws.actions().count("ecr:GetAuthorizationToken") == 2


def test_denied_access_names_the_action(aws: EcrFront, images: PublishedImage, tmp_path: Path, url: str) -> None:
    aws.allowed = {"ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:BatchCheckLayerAvailability"}
    with pytest.raises(RegistryError, match="not authorized to perform: ecr:InitiateLayerUpload"):
        images.create(JOB, _inputs(images, tmp_path, url, "a"))


def test_a_refresh_without_rights_keeps_the_state(
    aws: EcrFront, images: PublishedImage, tmp_path: Path, url: str
) -> None:
    """R12."""
    state = images.create(JOB, _inputs(images, tmp_path, url, "a"))
    aws.allowed, warnings = set(), list[str]()
    job = Job(JOB.urn, Task(warn=warnings.append))
    assert images.read(job, state) == state
    assert len(warnings) == 1


def test_a_tag_that_is_not_retained_goes_alone(aws: EcrFront, images: PublishedImage, tmp_path: Path, url: str) -> None:
    """R1: another tag of the same image stays, and so does the image."""
    other = Job(f"{JOB.urn}-other")
    kept = images.create(other, _inputs(images, tmp_path, url, "a", tagPrefix="kept-"))
    gone = images.create(JOB, _inputs(images, tmp_path, url, "a", retainOnDelete=False))
    assert kept.outputs["imageDigest"] == gone.outputs["imageDigest"]
    # Another deployment, in a process of its own: this one would take it for a former self of what it has made.
    PublishedImage(Program(images.program.settings, images.program.base)).delete(JOB, gone)
    assert _tags(aws, url) == {kept.outputs["imageTag"]}
    assert images.read(other, kept) == kept
