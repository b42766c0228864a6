"""Amazon ECR's own API: tokens for its registries, and the policy text of its repositories.

The only file that talks to AWS. botocore does the talking (boto3 adds nothing that is used here and takes as long again
to load): credentials, signing, and retries of throttled requests in its `standard` mode.
"""

import base64
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from image_assets.aws.errors import Call, NoCredentialsError, NoPolicyError, failure, refusal
from image_assets.aws.names import PUBLIC_HOST, RepositoryArn, arn_of, home_region, parse_host, partition_of
from image_assets.aws.settings import AwsSettings, Role
from image_assets.errors import CloudError
from image_assets.frozen import dataclass
from image_assets.oci.keychain import Credential, Keychain
from image_assets.task import Task

T = TypeVar("T")

#: A token is renewed this long before it expires, so that none expires in the middle of a push.
_RENEW_EARLY = 30 * 60
#: A token that is refused sooner after it was renewed is not renewed once more: it is not its age.
_RENEW_AGAIN = 60.0
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 5, 20, 6
_ECR_ENDPOINT, _ANY_ENDPOINT = "AWS_ENDPOINT_URL_ECR", "AWS_ENDPOINT_URL"
#: What is in the name of every private registry of ECR, an emulator's too unless it is called by its own address.
_ECR_NAMES = (".dkr.ecr.", ".dkr-ecr.")
_REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
_POLL = 0.1
#: ECR Public answers here alone (ECR Public user guide, "Registry authentication").
_PUBLIC_LOGIN = Call("get_authorization_token", "us-east-1", service="ecr-public")


class Aws:
    """Makes requests to AWS with one set of settings; usable by many threads."""

    def __init__(self, settings: AwsSettings) -> None:
        self.settings = settings
        self._clients: dict[tuple[str, str], Any] = {}
        self._session: Any = None
        self._lock = threading.Lock()

    @property
    def endpoint(self) -> str | None:
        """The endpoint that stands in for AWS, None for AWS itself."""
        return self._ecr_endpoint or os.environ.get(_ANY_ENDPOINT) or None

    @property
    def _ecr_endpoint(self) -> str | None:
        return self.settings.endpoint or os.environ.get(_ECR_ENDPOINT)

    def may_have(self, registry: str) -> bool:
        """Say whether the endpoint, if there is one, is worth being asked whether this is its registry.

        `AWS_ENDPOINT_URL` is often set for S3 alone: then the registry must be at the same address, or called like
        one of ECR's.
        """
        if self._ecr_endpoint:
            return True
        general = urlsplit(os.environ.get(_ANY_ENDPOINT, "")).netloc
        return bool(general) and (general == registry or any(name in registry for name in _ECR_NAMES))

    def call(self, call: Call, task: Task, **arguments: Any) -> Any:
        """Make a request; the answer, or the error that tells the user what to do.

        Raises:
            CloudError: AWS refused, could not be reached, or there are no credentials.
            CancelledByUserError: The user cancelled.
        """
        return cancellable(task, partial(self._call, call, arguments))

    def emulated_region(self) -> str:
        """Return the region to ask an emulator about: its hosts do not tell one."""
        named = (os.environ.get(name) for name in _REGION_VARIABLES)
        return self.settings.region or next(filter(None, named), "us-east-1")

    def _call(self, call: Call, arguments: Mapping[str, Any]) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - only programs with ECR pay for it

        try:
            return getattr(self._client(call.service, call.region), call.method)(**arguments)
        except ClientError as error:
            raise refusal(error.response, call) from error
        except BotoCoreError as error:
            raise failure(error, call, keys_of=self.settings.keys_of) from error

    def _client(self, service: str, region: str) -> Any:
        # Making clients is not thread-safe in botocore, using them is.
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._make_client(service, region)
            return self._clients[service, region]

    def _make_client(self, service: str, region: str) -> Any:
        from botocore.config import Config  # noqa: PLC0415 - only programs with ECR pay for it

        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            max_pool_connections=50,
        )
        session = self._open_session()
        return session.create_client(service, region_name=region, endpoint_url=self.settings.endpoint, config=config)

    def _open_session(self) -> Any:
        self._session = self._session or _session(self.settings)
        return self._session


def _session(settings: AwsSettings) -> Any:
    """Open a session with the keys, the profile's credentials, or those of the last of the roles to assume."""
    import logging  # noqa: PLC0415 - only programs with ECR pay for it

    import botocore.session  # noqa: PLC0415 - same

    # It shows the traceback of a role that may not be assumed, which is an error of ours with a text for the user.
    logging.getLogger("botocore.credentials").setLevel(logging.CRITICAL)
    session = botocore.session.Session(profile=settings.profile)
    if settings.keys:
        session.set_credentials(settings.keys.access_key, settings.keys.secret_key, settings.keys.token)
    for role in settings.roles:
        source, session = session, botocore.session.Session(profile=settings.profile)
        session.register_component("credential_provider", _Assumed(source, role, settings))
    return session


@dataclass(frozen=True)
class _Assumed:
    """Gives a session the credentials of an assumed role, renewed as they expire."""

    source: Any
    role: Role
    settings: AwsSettings

    def load_credentials(self) -> Any:
        """Return the credentials (botocore's interface of a credential resolver)."""
        from botocore.credentials import DeferredRefreshableCredentials  # noqa: PLC0415 - only programs with ECR pay

        return DeferredRefreshableCredentials(self._assume, "assume-role")

    def _assume(self) -> Any:
        from botocore.credentials import AssumeRoleCredentialFetcher  # noqa: PLC0415 - only programs with ECR pay for it
        from botocore.exceptions import ClientError, NoCredentialsError  # noqa: PLC0415 - same

        own = self.source.get_credentials()
        if own is None:
            raise NoCredentialsError
        region = self.settings.region or self.source.get_config_variable("region") or home_region(self.role.arn)
        creator = partial(self.source.create_client, region_name=region, endpoint_url=self.settings.endpoint)
        options = {"RoleSessionName": "image-assets", **self.role.arguments}
        try:
            return AssumeRoleCredentialFetcher(creator, own, self.role.arn, options).fetch_credentials()
        except ClientError as error:
            raise refusal(error.response, Call("assume_role", region, self.role.arn, service="sts")) from error


def cancellable(task: Task, work: Callable[[], T]) -> T:
    """Do something that cannot be interrupted, but let go of it at once when the user cancels.

    Raises:
        CancelledByUserError: The user cancelled; the work goes on alone and its result is dropped.
    """
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread whatever it is
            result.set_exception(error)

    task.check()
    # No pool: its threads would be waited for when the process ends.
    threading.Thread(target=run, name="aws", daemon=True).start()
    while not wait([result], timeout=_POLL).done:
        task.check()
    return result.result()


# --- repositories' policies


def get_policy(aws: Aws, arn: RepositoryArn, task: Task) -> str | None:
    """Return the text of a repository's policy, None if it has none.

    Raises:
        RepositoryMissingError: There is no such repository.
        CloudError: See `Aws.call`.
    """
    call = Call("get_repository_policy", arn.region, str(arn))
    try:
        answer = aws.call(call, task, registryId=arn.account, repositoryName=arn.name)
    except NoPolicyError:
        return None
    return str(answer["policyText"])


def set_policy(aws: Aws, arn: RepositoryArn, text: str, task: Task) -> None:
    """Replace a repository's policy.

    Raises:
        RepositoryMissingError: There is no such repository.
        PolicyRefusedError: ECR finds the text invalid.
        CloudError: See `Aws.call`.
    """
    call = Call("set_repository_policy", arn.region, str(arn))
    aws.call(call, task, registryId=arn.account, repositoryName=arn.name, policyText=text)


def delete_policy(aws: Aws, arn: RepositoryArn, task: Task) -> None:
    """Remove a repository's policy; one that is gone already is success.

    Raises:
        RepositoryMissingError: There is no such repository.
        CloudError: See `Aws.call`.
    """
    call = Call("delete_repository_policy", arn.region, str(arn))
    with suppress(NoPolicyError):
        aws.call(call, task, registryId=arn.account, repositoryName=arn.name)


# --- tokens


@dataclass(frozen=True)
class _Token:
    """What GetAuthorizationToken gave."""

    registry: str
    expires: float
    credential: Credential = field(repr=False)

    @property
    def fresh(self) -> bool:
        """Whether it will hold for a while."""
        return time.time() < self.expires - _RENEW_EARLY


class EcrKeychain(Keychain):
    """Signs in to ECR's registries at the time of use.

    One token serves all registries of a region, and one all of ECR Public; it is asked for once however many threads
    want it. A host that is not ECR's by its name is ECR's all the same if the endpoint that stands in for AWS names it
    as its registry.
    """

    def __init__(self, aws: Aws, task: Task) -> None:
        self._aws = aws
        self._task = task
        self._tokens: dict[Call, _Token] = {}
        self._locks: dict[Call, threading.Lock] = {}
        self._renewed: dict[Call, float] = {}
        self._failed = False

    def resolve(self, registry: str, repository: str) -> Credential | None:
        """Return the login of an ECR registry, None for every other.

        ECR Public can be read without a login, so there AWS's refusal to give one is none either.

        Raises:
            CloudError: The registry is ECR's and there is no login.
        """
        what = f"{registry}/{repository}"
        if registry == PUBLIC_HOST:
            return self._public(what)
        host = parse_host(registry)
        token = self._token(_login_call(host.region), what) if host else self._emulated(registry)
        return token.credential if token else None

    def forget(self, registry: str, refused: Credential) -> None:
        """Ask for a new token next time, if it was ours that the registry refused; once a minute, not for ever."""
        del registry  # a token tells by itself which registries it is for
        for call, token in tuple(self._tokens.items()):
            with self._locks[call]:
                recently = time.monotonic() - self._renewed.get(call, -_RENEW_AGAIN) < _RENEW_AGAIN
                if token.credential == refused and self._tokens.get(call) is token and not recently:
                    self._renewed[call] = time.monotonic()
                    del self._tokens[call]

    def arn(self, registry: str, path: str) -> RepositoryArn | None:
        """Return the ARN of an ECR repository, None if the registry is not ECR's.

        Raises:
            CloudError: The registry is an emulator's, and it did not say whose it is.
        """
        if parse_host(registry) or not self._aws.may_have(registry):
            return arn_of(registry, path)
        region = self._aws.emulated_region()
        if self._token(_login_call(region), registry).registry != registry:
            return None
        identity = self._aws.call(Call("get_caller_identity", region, service="sts"), self._task)
        return RepositoryArn(partition_of(region), region, identity["Account"], path)

    def _emulated(self, registry: str) -> _Token | None:
        """Return the token of the emulator, if this host is its registry."""
        if self._failed or not self._aws.may_have(registry):
            return None
        try:
            token = self._token(_login_call(self._aws.emulated_region()), registry)
        except CloudError as error:
            self._failed = True
            self._task.warn(f"{self._aws.endpoint} stands in for AWS but gives no registry login: {error}")
            return None
        return token if token.registry == registry else None

    def _public(self, what: str) -> Credential | None:
        try:
            return self._token(_PUBLIC_LOGIN, what).credential
        except NoCredentialsError as error:
            self._task.debug(f"{what} is asked for without a login: {error}")
        except CloudError as error:
            self._task.warn(f"{what} is asked for without a login: {error}")
        return None

    def _token(self, call: Call, what: str) -> _Token:
        with self._locks.setdefault(call, threading.Lock()):
            token = self._tokens.get(call)
            if token is None or not token.fresh:
                token = self._tokens[call] = self._ask(call, what)
            return token

    def _ask(self, call: Call, what: str) -> _Token:
        self._task.debug(f"asking {call.action} in {call.region} for a token, for {what}")
        answer = self._aws.call(call, self._task)["authorizationData"]
        # A private registry's answer is a list, which has had one item ever since it could be asked for several.
        data = answer[0] if isinstance(answer, list) else answer
        username, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
        registry = urlsplit(data.get("proxyEndpoint", "")).netloc
        return _Token(registry, data["expiresAt"].timestamp(), Credential(username, password, source="AWS"))


def _login_call(region: str) -> Call:
    return Call("get_authorization_token", region)
