"""What AWS says when it refuses, and what the user can do about it."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from image_assets.errors import AssetError, CloudError
from image_assets.frozen import dataclass

#: The methods of botocore that the provider calls by itself, and the IAM actions that they need (docs/aws.md).
_ACTIONS: Mapping[str, str] = {
    "get_authorization_token": "GetAuthorizationToken",
    "get_repository_policy": "GetRepositoryPolicy",
    "set_repository_policy": "SetRepositoryPolicy",
    "delete_repository_policy": "DeleteRepositoryPolicy",
    "describe_images": "DescribeImages",
    "batch_get_image": "BatchGetImage",
    "batch_delete_image": "BatchDeleteImage",
    "get_caller_identity": "GetCallerIdentity",
    "assume_role": "AssumeRole",
}
_SERVICE_OF = {"get_caller_identity": "sts", "assume_role": "sts"}
IAM_ACTIONS = frozenset(
    {f"{_SERVICE_OF.get(method, 'ecr')}:{action}" for method, action in _ACTIONS.items()}
    | {"ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"}
)


class RepositoryMissingError(CloudError):
    """The repository does not exist."""


class PolicyRefusedError(CloudError):
    """ECR finds the policy text invalid; with a principal made seconds ago that passes."""


class NoPolicyError(CloudError):
    """The repository has no policy."""


class ImageMissingError(CloudError):
    """One of the images that were asked about is not there."""


class NoCredentialsError(CloudError):
    """There is nobody to ask AWS as."""


@dataclass(frozen=True)
class Call:
    """One request: what it is called for users, and what it is about."""

    method: str
    region: str
    resource: str = "*"
    service: str = "ecr"

    @property
    def action(self) -> str:
        """The IAM action that the request needs."""
        return f"{self.service}:{_ACTIONS[self.method]}"


_LOOKED_AT = (
    "looked at the provider's `aws` configuration (profile, assumeRoleArn), the stack's `aws:profile` and keys, the "
    "variables AWS_ACCESS_KEY_ID, AWS_PROFILE and AWS_WEB_IDENTITY_TOKEN_FILE, the AWS configuration files, and the "
    "credentials of the container or instance"
)
_MAKE_REPOSITORY = (
    "make it first (an ImageRepository, or `aws ecr create-repository --repository-name {name}`), or correct the "
    "repository's name, account and region"
)
#: How ECR's registries say it, whoever asks them.
_NO_REPOSITORY = re.compile(r"repository with name '([^']+)' does not exist in the registry with id")
_KEYS_UNKNOWN = (
    "the keys in the `aws:` configuration of {stack} are told to this provider only where the program runs: add "
    "--run-program, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)
_NO_LOGIN = ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound")
_EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized"}
_THROTTLED = {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"}


def refusal(response: Mapping[str, Any], call: Call) -> CloudError:
    """Turn AWS's refusal (a ClientError's `response`) into an error that says what to do."""
    error = response.get("Error", {})
    code, said = str(error.get("Code", "")), str(error.get("Message", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    shown = f"{code}: {said} (HTTP {status})" if status else f"{code}: {said}"
    if code == "RepositoryNotFoundException":
        advice = _MAKE_REPOSITORY.format(name=call.resource.partition("/")[2])
        return RepositoryMissingError(f"{call.resource} does not exist: {advice}; {shown}")
    if code == "RepositoryPolicyNotFoundException":
        return NoPolicyError(f"{call.resource} has no policy; {shown}")
    if code == "ImageNotFoundException":
        return ImageMissingError(f"{call.action} on {call.resource}: {shown}")
    if code == "InvalidParameterException" and call.method == "set_repository_policy":
        return PolicyRefusedError(
            f"{call.action} on {call.resource}: ECR finds the policy invalid ({shown}); does every principal exist?"
        )
    return CloudError(f"{call.action} on {call.resource}: {_advice(code)}{shown}")


def _advice(code: str) -> str:
    if code in _DENIED:
        return "access denied: allow this action on this resource (docs/aws.md lists what is needed). "
    if code in _EXPIRED:
        return "the AWS credentials have expired or are wrong: sign in again, as with `aws sso login`. "
    if code in _THROTTLED:
        return "AWS still limits the rate after all attempts: run it again later. "
    return ""


def repository_advice(said: str) -> str | None:
    """Return what to do where ECR says that a repository does not exist, None if it says something else."""
    match = _NO_REPOSITORY.search(said)
    return _MAKE_REPOSITORY.format(name=match[1]) if match else None


def failure(error: Exception, call: Call, keys_of: str | None = None) -> CloudError:
    """Turn a request that never got an answer into an error that says what to do.

    Args:
        error: What botocore says.
        call: The request.
        keys_of: The stack in whose configuration there are keys that this process was not told.
    """
    kind = type(error).__name__
    if kind in _NO_LOGIN or "SSO" in kind or "Token" in kind:
        hint = f"; {_KEYS_UNKNOWN.format(stack=keys_of)}" if keys_of else ""
        return NoCredentialsError(f"{call.action} on {call.resource}: no AWS credentials ({error}); {_LOOKED_AT}{hint}")
    return CloudError(f"{call.action} on {call.resource}: AWS in {call.region} could not be asked: {error}")


@contextmanager
def advising() -> Iterator[None]:
    """Add to an expected failure what can be done about it, whoever told it: our client, or a builder that pushes.

    Raises:
        AssetError: The failure itself.
    """
    try:
        yield
    except AssetError as error:
        if advice := repository_advice(str(error)):
            error.args = (f"{error}; {advice}",)
        raise
