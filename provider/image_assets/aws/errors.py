"""What AWS says when it refuses, and what the user can do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from image_assets.errors import CloudError

#: Every call the provider makes by itself, and the IAM action that it needs (documented in docs/aws.md).
IAM_ACTIONS: Mapping[str, str] = {
    "get_authorization_token": "ecr:GetAuthorizationToken",
    "get_repository_policy": "ecr:GetRepositoryPolicy",
    "set_repository_policy": "ecr:SetRepositoryPolicy",
    "delete_repository_policy": "ecr:DeleteRepositoryPolicy",
    "get_caller_identity": "sts:GetCallerIdentity",
    "assume_role": "sts:AssumeRole",
}


class RepositoryMissingError(CloudError):
    """The repository does not exist."""


class PolicyRefusedError(CloudError):
    """ECR finds the policy text invalid; with a principal made seconds ago that passes."""


class NoPolicyError(CloudError):
    """The repository has no policy."""


@dataclass(frozen=True)
class Call:
    """One request: what it is called for users, and what it is about."""

    method: str
    region: str
    resource: str = "*"

    @property
    def action(self) -> str:
        """The IAM action that the request needs."""
        return IAM_ACTIONS[self.method]


_LOOKED_AT = (
    "looked at the provider's `aws` configuration (profile, assumeRoleArn), the stack's `aws:profile`, the "
    "variables AWS_ACCESS_KEY_ID, AWS_PROFILE and AWS_WEB_IDENTITY_TOKEN_FILE, the AWS configuration files, and the "
    "credentials of the container or instance"
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


def refusal(error: Mapping[str, Any], call: Call) -> CloudError:
    """Turn AWS's refusal into one that says what to do."""
    code, said = str(error.get("Code", "")), str(error.get("Message", ""))
    if code == "RepositoryNotFoundException":
        return RepositoryMissingError(
            f"{call.resource} does not exist: make it first (an ImageRepository, or `aws ecr create-repository`), or "
            "correct the repository's name, account and region"
        )
    if code == "RepositoryPolicyNotFoundException":
        return NoPolicyError(f"{call.resource} has no policy")
    if code == "InvalidParameterException" and call.method == "set_repository_policy":
        return PolicyRefusedError(
            f"{call.action} on {call.resource}: ECR finds the policy invalid ({said}); does every principal exist?"
        )
    return CloudError(f"{call.action} on {call.resource}: {_advice(code)}{code}: {said}")


def _advice(code: str) -> str:
    if code in _DENIED:
        return "access denied: allow this action on this resource (docs/aws.md lists what is needed). "
    if code in _EXPIRED:
        return "the AWS credentials have expired or are wrong: sign in again, as with `aws sso login`. "
    if code in _THROTTLED:
        return "AWS still limits the rate after all attempts: run it again later. "
    return ""


def failure(error: Exception, call: Call) -> CloudError:
    """Turn a request that never got an answer into an error that says what to do."""
    kind = type(error).__name__
    if kind in _NO_LOGIN or "SSO" in kind or "Token" in kind:
        return CloudError(f"{call.action} on {call.resource}: no AWS credentials ({error}); {_LOOKED_AT}")
    return CloudError(f"{call.action} on {call.resource}: AWS in {call.region} could not be asked: {error}")
