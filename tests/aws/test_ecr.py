"""Signing in to ECR, and its errors, over HTTP against an emulated AWS."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_assets.aws.ecr import Aws, EcrKeychain, cancellable, get_policy, set_policy
from image_assets.aws.errors import IAM_ACTIONS, Call, RepositoryMissingError
from image_assets.aws.names import PUBLIC_HOST, RepositoryArn
from image_assets.aws.settings import STACK_KEYS, AwsSettings, Keys, Role
from image_assets.errors import CancelledByUserError, CloudError
from image_assets.oci.keychain import Credential
from image_assets.task import Task
from tests.fakes.ecr_front import ACCOUNT, PROVIDER_KEY, REGION, EcrFront
from tests.support.paths import REPO

HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


@pytest.fixture
def user(aws: EcrFront, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """A user of the emulated AWS, told by the environment as the AWS CLI is."""
    for name, value in aws.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    return Aws(AwsSettings())


@pytest.fixture
def arn(aws: EcrFront, repository_name: str) -> RepositoryArn:
    """A new repository."""
    aws.client("ecr").create_repository(repositoryName=repository_name)
    return RepositoryArn("aws", REGION, ACCOUNT, repository_name)


def _token_requests(aws: EcrFront) -> int:
    return aws.actions().count("ecr:GetAuthorizationToken")


def test_one_token_serves_however_many_threads_ask(aws: EcrFront, user: Aws) -> None:
    keychain = EcrKeychain(user, Task())
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda n: keychain.resolve(HOST, f"repo{n}"), range(50)))
    assert _token_requests(aws) == 1
    (credential,) = found
    assert credential is not None
    assert credential.username == "AWS"
    assert credential.password in aws.tokens


def test_a_token_is_renewed_before_it_expires(aws: EcrFront, user: Aws) -> None:
    aws.token_seconds = 60
    keychain = EcrKeychain(user, Task())
    first, second = (keychain.resolve(HOST, "x") for _ in range(2))
    assert first != second
    assert _token_requests(aws) == 2


def test_the_emulators_own_registry_is_signed_in_to(aws: EcrFront, user: Aws) -> None:
    credential = EcrKeychain(user, Task()).resolve(aws.address, "x")
    assert credential is not None
    assert credential.password in aws.tokens


def test_no_other_registry_gets_a_token(user: Aws) -> None:
    keychain = EcrKeychain(user, Task())
    assert keychain.resolve("ghcr.io", "me/app") is None
    assert keychain.resolve("localhost:1", "app") is None
    assert keychain.resolve(f"{HOST}.example.org", "app") is None


def test_other_registries_are_left_alone_without_asking_aws(aws: EcrFront, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    aws.seen.clear()
    assert EcrKeychain(Aws(AwsSettings()), Task()).resolve("ghcr.io", "me/app") is None
    assert aws.seen == []


@pytest.mark.parametrize("registry", ["ghcr.io", "localhost:5000", "127.0.0.1:1"])
def test_an_endpoint_that_may_be_meant_for_s3_is_asked_for_no_token(
    aws: EcrFront, monkeypatch: pytest.MonkeyPatch, registry: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    aws.seen.clear()
    keychain = EcrKeychain(Aws(AwsSettings()), Task())
    assert (keychain.resolve(registry, "me/app"), keychain.arn(registry, "me/app")) == (None, None)
    assert aws.seen == []


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ECR"])
def test_an_endpoint_of_the_environment_is_asked_for_its_own_registry(
    aws: EcrFront, user: Aws, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv(variable, aws.endpoint)
    assert EcrKeychain(Aws(AwsSettings()), Task()).resolve(aws.address, "x") is not None


def test_an_emulators_repository_has_the_arn_of_its_user(aws: EcrFront, user: Aws) -> None:
    keychain = EcrKeychain(user, Task())
    assert str(keychain.arn(aws.address, "a/b")) == f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/a/b"
    assert keychain.arn("ghcr.io", "a/b") is None


def test_settings_come_from_the_first_source_that_has_them() -> None:
    settings = AwsSettings.of(
        {"profile": "mine"}, {"profile": "stack", "assumeRoleArn": "arn:x", "endpoint": "http://e"}
    )
    assert settings == AwsSettings(profile="mine", roles=(Role("arn:x"),), endpoint="http://e")


def test_a_role_is_assumed_once_and_its_own_keys_sign(aws: EcrFront, user: Aws) -> None:
    role = AwsSettings.of({"assumeRoleArn": f"arn:aws:iam::{ACCOUNT}:role/publisher", "externalId": "partner"})
    keychain = EcrKeychain(Aws(role), Task())
    assert keychain.resolve(HOST, "x")
    assert keychain.arn(aws.address, "x")
    assert aws.actions() == ["sts:AssumeRole"]
    signers = {seen.key for seen in aws.seen if seen.action != "sts:AssumeRole"}
    assert len(signers) == 1
    assert PROVIDER_KEY not in signers


def test_a_role_that_may_not_be_assumed_is_named(aws: EcrFront, user: Aws) -> None:
    aws.allowed = {"ecr:GetAuthorizationToken"}
    role = f"arn:aws:iam::{ACCOUNT}:role/publisher"
    with pytest.raises(CloudError, match=rf"sts:AssumeRole on {role}: access denied.* \(HTTP 400\)"):
        EcrKeychain(Aws(AwsSettings(roles=(Role(role),))), Task()).resolve(HOST, "x")


def test_each_of_several_roles_is_assumed_by_the_one_before_it(aws: EcrFront, user: Aws) -> None:
    """As pulumi-aws does with `aws:assumeRoles`, with all that can be said of one."""
    arns = [f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("first", "second", "third")]
    options = {
        "externalId": "partner",
        "sessionName": "deploy",
        "sourceIdentity": "me",
        "duration": "1h",
        "policyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
        "tags": {"team": "a"},
        "transitiveTagKeys": ["team"],
    }
    roles = [{"roleArn": arns[0]}, {"roleArn": arns[1], **options}, {"roleArn": arns[2]}]
    keychain = EcrKeychain(Aws(AwsSettings.of({}, {"assumeRoles": roles})), Task())
    assert keychain.resolve(HOST, "x")
    assert keychain.resolve(f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com", "x")
    assert [role for role in aws.assumed if role in arns] == arns
    signers = [seen.key for seen in aws.seen]
    assert signers[0] == PROVIDER_KEY
    assert len(set(signers)) == 4


def test_what_is_said_of_a_role_is_said_to_sts() -> None:
    role = Role.of(
        {"roleArn": "arn:x", "duration": "1h30m", "policyArns": ["a"], "tags": {"k": "v"}, "externalId": "e"}
    )
    assert role.arguments == {
        "DurationSeconds": 5400,
        "PolicyArns": [{"arn": "a"}],
        "Tags": [{"Key": "k", "Value": "v"}],
        "ExternalId": "e",
    }


def test_keys_of_a_stack_count_where_they_are_known_and_show_nowhere(
    aws: EcrFront, user: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R36: what is stored names the stack alone."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    stored = {"keysOf": "proj/test-keys", "profile": "no-such-profile", "region": REGION}
    STACK_KEYS.remember("proj/test-keys", Keys("AKIASTACK", "hidden", "token"))
    settings = AwsSettings.of({}, stored)
    assert EcrKeychain(Aws(settings), Task()).resolve(HOST, "x")
    assert {seen.key for seen in aws.seen} == {"AKIASTACK"}
    assert not any(text in repr(settings) for text in ("AKIASTACK", "hidden", "token'"))
    own = AwsSettings.of({"profile": "mine"}, stored)
    assert (own.profile, own.keys) == ("mine", None)


def test_keys_that_this_process_was_not_told_are_named_where_nobody_can_sign(
    user: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    elsewhere = Aws(AwsSettings.of({}, {"keysOf": "proj/elsewhere"}))
    with pytest.raises(CloudError, match=r"configuration of proj/elsewhere .* --run-program"):
        EcrKeychain(elsewhere, Task()).resolve(HOST, "x")


def test_ecr_public_has_its_login(aws: EcrFront, user: Aws) -> None:
    keychain = EcrKeychain(user, Task())
    credential = keychain.resolve(PUBLIC_HOST, "me/app")
    assert credential is not None
    assert credential.username == "AWS"
    assert credential.password in aws.tokens
    assert keychain.resolve(PUBLIC_HOST, "me/other") == credential
    assert aws.actions() == ["ecr-public:GetAuthorizationToken"]
    assert {seen.region for seen in aws.seen} == {"us-east-1"}
    assert keychain.arn(PUBLIC_HOST, "me/app") is None


@pytest.mark.parametrize("kind", ["denied", "nobody"])
def test_ecr_public_is_read_without_a_login_where_there_is_none(
    aws: EcrFront, user: Aws, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Only who is known and refused has something to mend."""
    warnings = list[str]()
    if kind == "denied":
        aws.allowed = set()
    else:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert EcrKeychain(user, Task(warn=warnings.append)).resolve(PUBLIC_HOST, "x") is None
    told = ["ecr-public:GetAuthorizationToken on *: access denied" in warning for warning in warnings]
    assert told == ([True] if kind == "denied" else [])


def test_a_refused_token_is_renewed_once(aws: EcrFront, user: Aws) -> None:
    keychain = EcrKeychain(user, Task())
    first = keychain.resolve(HOST, "x")
    assert first is not None
    keychain.forget(HOST, Credential("AWS", "somebody else's"))
    assert keychain.resolve(HOST, "x") == first
    keychain.forget(HOST, first)
    second = keychain.resolve(HOST, "x")
    assert second is not None
    assert second != first
    keychain.forget(HOST, first)
    keychain.forget(HOST, second)
    assert keychain.resolve(HOST, "x") == second
    assert _token_requests(aws) == 2


def test_missing_credentials_say_where_they_were_looked_for(user: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(
        CloudError, match=r"ecr:GetAuthorizationToken .* no AWS credentials .* looked at .* AWS_PROFILE"
    ):
        EcrKeychain(user, Task()).resolve(HOST, "x")


def test_a_profile_that_does_not_exist_is_named(user: Aws) -> None:
    with pytest.raises(CloudError, match="no-such-profile"):
        EcrKeychain(Aws(AwsSettings(profile="no-such-profile")), Task()).resolve(HOST, "x")


def test_denied_access_names_the_action_and_the_arn(aws: EcrFront, user: Aws, arn: RepositoryArn) -> None:
    aws.allowed = {"ecr:GetRepositoryPolicy"}
    with pytest.raises(CloudError, match=f"ecr:SetRepositoryPolicy on {arn}: access denied"):
        set_policy(user, arn, "{}", Task())


def test_throttled_requests_are_tried_again(aws: EcrFront, user: Aws, arn: RepositoryArn) -> None:
    aws.throttle["ecr:GetRepositoryPolicy"] = 2
    assert get_policy(user, arn, Task()) is None
    assert aws.actions().count("ecr:GetRepositoryPolicy") == 3


def test_a_missing_repository_says_what_to_do(user: Aws) -> None:
    with pytest.raises(RepositoryMissingError, match=r"no/such does not exist: make it first"):
        get_policy(user, RepositoryArn("aws", REGION, ACCOUNT, "no/such"), Task())


def test_an_endpoint_that_is_down_is_a_clear_error(user: Aws) -> None:
    down = Aws(AwsSettings(endpoint="http://127.0.0.1:9"))
    with pytest.raises(CloudError, match="could not be asked"):
        down.call(Call("get_authorization_token", REGION), Task())


def test_an_emulator_that_is_down_is_a_warning_where_another_registry_is_meant(user: Aws) -> None:
    warnings: list[str] = []
    down = Aws(AwsSettings(endpoint="http://127.0.0.1:9"))
    assert EcrKeychain(down, Task(warn=warnings.append)).resolve("ghcr.io", "x") is None
    assert "stands in for AWS" in warnings[0]


def test_cancelling_lets_go_of_a_hanging_request_at_once() -> None:
    task = Task()
    threading.Timer(0.2, task.cancelled.set).start()
    began = time.monotonic()
    with pytest.raises(CancelledByUserError):
        cancellable(task, lambda: time.sleep(5))
    assert time.monotonic() - began < 4


def test_no_token_shows_in_a_text(user: Aws, aws: EcrFront) -> None:
    keychain = EcrKeychain(user, Task())
    credential = keychain.resolve(HOST, "x")
    assert not any(token in repr((credential, vars(keychain))) for token in aws.tokens)


def test_each_call_that_the_provider_can_make_is_in_the_docs() -> None:
    listed = (REPO / "docs" / "aws.md").read_text()
    assert [action for action in IAM_ACTIONS if f"`{action}`" not in listed] == []
