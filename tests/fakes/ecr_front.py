"""An AWS whose ECR serves images: moto's API, and a real registry behind ECR's rules, at one address.

`POST /` and the like are AWS's API, passed on to moto; `/v2/` is the registry, passed on to docker-registry for whoever
signed in with a token that this front gave out. What ECR does and the two do not: the repository must exist, tags may
be immutable, blobs come from another host, policy texts come back in ECR's own form, and IAM may say no.
"""

import hashlib
import http.client
import json
import re
import secrets
import shutil
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.session
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
REGION = "us-east-1"
#: The access key of the stand-in for pulumi-aws: its calls are not the provider's.
PLUGIN_KEY = "AKIAPLUGIN"
PROVIDER_KEY = "AKIAPROVIDER"

_MANIFEST = re.compile(r"/v2/(?P<name>.+)/manifests/(?P<reference>[^/?]+)")
_BLOB = re.compile(r"/v2/(?P<name>.+)/blobs/(?P<digest>sha256:[0-9a-f]{64})")
_NAME = re.compile(r"/v2/(?P<name>.+?)/(?:manifests|blobs|tags)/")
_HOP = {"connection", "transfer-encoding", "content-length", "server", "date", "keep-alive"}

#: The IAM action behind each registry request (ECR user guide, "Private registry authentication"; Service Authorization
#: Reference, Amazon ECR): first match wins.
_REGISTRY_ACTIONS = (
    ("POST", re.compile(r"/blobs/uploads/"), "ecr:InitiateLayerUpload"),
    ("PATCH", re.compile(r"/blobs/uploads/"), "ecr:UploadLayerPart"),
    ("PUT", re.compile(r"/blobs/uploads/"), "ecr:CompleteLayerUpload"),
    ("HEAD", re.compile(r"/blobs/"), "ecr:BatchCheckLayerAvailability"),
    ("GET", re.compile(r"/blobs/"), "ecr:GetDownloadUrlForLayer"),
    ("PUT", re.compile(r"/manifests/"), "ecr:PutImage"),
    ("DELETE", re.compile(r"/manifests/"), "ecr:BatchDeleteImage"),
    ("", re.compile(r"/manifests/"), "ecr:BatchGetImage"),
    ("", re.compile(r"/tags/"), "ecr:ListImages"),
)


#: What tests set at an `EcrFront`, and what it records for them.
_DISTURBANCES = (
    "seen",
    "assumed",
    "allowed",
    "throttle",
    "refused_policies",
    "unknown_principals",
    "token_seconds",
    "end_tokens",
    "refuse_tokens",
)


@dataclass(frozen=True)
class Seen:
    """One action that somebody did.

    Attributes:
        key: The access key, or "token" for registry requests.
        action: The IAM action.
        region: The region of the AWS service that was asked; empty for registry requests.
    """

    key: str
    action: str
    region: str = ""


@dataclass
class EcrFront:
    """The emulated AWS, as tests look at it and disturb it.

    Attributes:
        moto: moto's base URL.
        upstream: docker-registry's `localhost:PORT`.
        storage: docker-registry's files.
        address: `localhost:PORT` of this front, both the AWS endpoint and the registry.
        seen: What was done, oldest first.
        assumed: The roles that were assumed, oldest first.
        allowed: The only actions allowed to the provider; None allows all.
        throttle: How many times each action is still answered with a throttling error.
        refused_policies: How many policies are still found invalid, as for principals that IAM has yet to spread.
        unknown_principals: Names that make every policy which holds one of them invalid.
        token_seconds: How long new tokens hold.
        end_tokens: What happens to all tokens when a layer is sent next: "expire", "revoke" or nothing.
        refuse_tokens: Whether every token is taken for an expired one.
    """

    moto: str
    upstream: str
    storage: Path
    address: str = ""
    seen: list[Seen] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    allowed: set[str] | None = None
    throttle: dict[str, int] = field(default_factory=dict)
    refused_policies: int = 0
    unknown_principals: set[str] = field(default_factory=set)
    token_seconds: float = 12 * 3600
    end_tokens: str = ""
    refuse_tokens: bool = False
    tokens: dict[str, float] = field(default_factory=dict)
    clients: dict[str, Any] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def calm(self) -> None:
        """Forget what was done, and end every disturbance."""
        new = EcrFront(self.moto, self.upstream, self.storage)
        for name in _DISTURBANCES:
            setattr(self, name, getattr(new, name))

    @property
    def endpoint(self) -> str:
        """The AWS endpoint."""
        return f"http://{self.address}"

    @property
    def environ(self) -> dict[str, str]:
        """The variables of a user of this AWS."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": PROVIDER_KEY,
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:
        """Return a client of the AWS behind the front, for what a test does itself."""
        with self.lock:
            if service not in self.clients:
                self.clients[service] = botocore.session.Session().create_client(
                    service, REGION, endpoint_url=self.moto, aws_access_key_id="test", aws_secret_access_key="test"
                )
            return self.clients[service]

    def actions(self, key: str = PROVIDER_KEY) -> list[str]:
        """Return what one user did through AWS's API and, with the tokens, in the registry."""
        return [seen.action for seen in self.seen if seen.key in (key, "token")]

    def statements(self, repository: str) -> list[dict[str, Any]]:
        """Return the statements of a repository's policy."""
        ecr = self.client("ecr")
        try:
            text = ecr.get_repository_policy(repositoryName=repository)["policyText"]
        except ecr.exceptions.RepositoryPolicyNotFoundException:
            return []
        return list(json.loads(text)["Statement"])

    def images(self, repository: str) -> Path:
        """Return the folder of a repository's images."""
        return self.storage / "docker" / "registry" / "v2" / "repositories" / repository

    def expire_tokens(self) -> None:
        """Let every token that was given out expire now."""
        with self.lock:
            self.tokens = dict.fromkeys(self.tokens, 0.0)

    def refusal(self, key: str, action: str, region: str = "") -> str | None:
        """Record an action, and say whether AWS refuses it."""
        with self.lock:
            self.seen.append(Seen(key, action, region))
            if self.throttle.get(action, 0):
                self.throttle[action] -= 1
                return "ThrottlingException"
            if action == "ecr:SetRepositoryPolicy" and self.refused_policies:
                self.refused_policies -= 1
                return "InvalidParameterException"
        denied = key != PLUGIN_KEY and self.allowed is not None and action not in self.allowed
        return "AccessDeniedException" if denied else None


@contextmanager
def serving(moto: str, upstream: str, storage: Path) -> Iterator[EcrFront]:
    """Serve the front on a free port.

    Args:
        moto: moto's base URL.
        upstream: `localhost:PORT` of a registry that lets everybody in.
        storage: The folder of that registry's files.
    """
    front = EcrFront(moto, upstream, storage)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"front": front}))
    front.address = f"localhost:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield front
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    front: EcrFront

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def _answer(self) -> None:
        body = self._body()
        if self.path.startswith("/blobstore/"):
            self._blob(body)
        elif self.path.startswith("/v2/"):
            self._registry(body)
        else:
            self._aws(body)

    do_GET = _answer  # noqa: N815 - http.server's name, as those below
    do_HEAD = _answer  # noqa: N815
    do_POST = _answer  # noqa: N815
    do_PUT = _answer  # noqa: N815
    do_PATCH = _answer  # noqa: N815
    do_DELETE = _answer  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    # --- the AWS API

    def _aws(self, body: bytes) -> None:
        key, region, service = _signer(self.headers.get("Authorization", ""))
        action = _action(self.headers, self.path, body)
        if code := self.front.refusal(key, f"{service}:{action}", region):
            # botocore reads the code from the JSON of ECR and from the XML of STS and IAM.
            message = f"User: {key} is not authorized to perform: {service}:{action}"
            self._send(400, *_error(service, code, message))
            return
        if action == "SetRepositoryPolicy" and (said := self._policy_problem(json.loads(body)["policyText"])):
            self._send(400, *_error(service, "InvalidParameterException", said))
            return
        if action == "AssumeRole":
            self.front.assumed.append(parse_qs(body.decode())["RoleArn"][0])
        if service == "ecr-public":
            data = _new_token(self.front, {"authorizationData": [{}]})["authorizationData"][0]
            del data["proxyEndpoint"]
            self._send(200, {"Content-Type": "application/x-amz-json-1.1"}, _json({"authorizationData": data}))
            return
        refused: list[dict[str, Any]] = []
        if action == "BatchDeleteImage":
            body, refused = _deletable(self.front, json.loads(body))
        status, headers, content = _pass_on(self.front.moto, self, body)
        if status == 200 and action == "BatchDeleteImage":
            content = _deleted(self.front, json.loads(body)["repositoryName"], json.loads(content), refused)
        if status == 200 and action == "DeleteRepository":
            shutil.rmtree(self.front.images(json.loads(body)["repositoryName"]), ignore_errors=True)
        if status == 200 and action in _CHANGED:
            content = json.dumps(_CHANGED[action](self.front, json.loads(content))).encode()
        self._send(status, headers, content)

    def _policy_problem(self, text: str) -> str | None:
        constraint = "Invalid parameter at 'PolicyText' failed to satisfy constraint: "
        if len(text) > 10240:
            return f"{constraint}'Member must have length less than or equal to 10240'"
        unknown = any(name in text for name in self.front.unknown_principals)
        return f"{constraint}'Principal not found'" if unknown else None

    # --- the registry

    def _registry(self, body: bytes) -> None:
        if not self._signed_in():
            return
        if (name := _NAME.match(self.path)) and not self._may(name["name"]):
            return
        manifest = _MANIFEST.match(self.path)
        if manifest and self.command == "PUT" and not self._new_tag(manifest, body):
            return
        if manifest and self.command == "DELETE" and not manifest["reference"].startswith("sha256:"):
            self._untag(manifest["name"], manifest["reference"])
            return
        if self.command == "GET" and _BLOB.match(self.path):
            # ECR's blobs are in S3, which refuses requests that carry another login.
            port = self.front.address.rpartition(":")[2]
            self._send(307, {"Location": f"http://127.0.0.1:{port}/blobstore{self.path}"}, b"")
            return
        status, headers, content = _pass_on(f"http://{self.front.upstream}", self, body)
        if manifest and self.command == "PUT" and status == 201:
            self._record_image(manifest, body)
        self._send(status, headers, content)

    def _blob(self, body: bytes) -> None:
        if "Authorization" in self.headers:
            self._send(400, {}, b"Only one auth mechanism allowed")
            return
        self.path = self.path.removeprefix("/blobstore")
        self._send(*_pass_on(f"http://{self.front.upstream}", self, body))

    def _signed_in(self) -> bool:
        if self.front.end_tokens and self.command in ("PATCH", "PUT") and "/blobs/uploads/" in self.path:
            self.front.expire_tokens()
            self.front.tokens = self.front.tokens if self.front.end_tokens == "expire" else {}
            self.front.end_tokens = ""
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        username, _, token = b64decode(given).decode().partition(":") if given else ("", "", "")
        expires = self.front.tokens.get(token)
        if username != "AWS" or expires is None:
            challenge = f'Basic realm="http://{self.front.address}/",service="ecr.amazonaws.com"'
            self._refuse(401, "UNAUTHORIZED", "Not Authorized", {"Www-Authenticate": challenge})
        elif self.front.refuse_tokens or expires < time():
            self._refuse(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
        else:
            return True
        return False

    def _may(self, name: str) -> bool:
        action = next(a for verb, path, a in _REGISTRY_ACTIONS if verb in ("", self.command) and path.search(self.path))
        if self.front.refusal("token", action):
            self._refuse(403, "DENIED", f"User is not authorized to perform: {action} on resource: {name}")
            return False
        if _repository(self.front, name) is None:
            said = f"The repository with name '{name}' does not exist in the registry with id '{ACCOUNT}'"
            self._refuse(404, "NAME_UNKNOWN", said)
            return False
        return True

    def _new_tag(self, manifest: re.Match[str], body: bytes) -> bool:
        """Refuse to move a tag of a repository with immutable tags."""
        name, reference = manifest["name"], manifest["reference"]
        repository = _repository(self.front, name) or {}
        if reference.startswith("sha256:") or not _is_immutable(repository, reference):
            return True
        status, _, present = _ask(f"http://{self.front.upstream}", "GET", self.path, {"Accept": "*/*"}, b"")
        if status != 200 or present == body:
            return True
        said = (
            f"The image tag '{reference}' already exists in the '{name}' repository and cannot be overwritten because "
            "the tag is immutable."
        )
        self._refuse(400, "TAG_INVALID", said)
        return False

    def _untag(self, name: str, tag: str) -> None:
        """Take a single tag away, which ECR can and docker-registry cannot."""
        self.front.client("ecr").batch_delete_image(repositoryName=name, imageIds=[{"imageTag": tag}])
        shutil.rmtree(self.front.images(name) / "_manifests" / "tags" / tag)
        self._send(202, {}, b"")

    def _record_image(self, manifest: re.Match[str], body: bytes) -> None:
        is_digest = manifest["reference"].startswith("sha256:")
        repository = _repository(self.front, manifest["name"]) or {}
        if is_digest and repository.get("imageTagMutabilityExclusionFilters"):
            # moto looks for the tag among the filters, and fails without one.
            return
        tag = {} if is_digest else {"imageTag": manifest["reference"]}
        with suppress(ClientError):  # it has the image under that tag
            self.front.client("ecr").put_image(
                repositoryName=manifest["name"],
                imageManifest=body.decode(),
                imageManifestMediaType=self.headers["Content-Type"],
                imageDigest=f"sha256:{hashlib.sha256(body).hexdigest()}",
                **tag,
            )

    def _refuse(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        content = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self._send(status, {"Content-Type": "application/json", **(headers or {})}, content)

    def _send(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        lengths = [value for name, value in headers.items() if name.lower() == "content-length"]
        for name, value in headers.items():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        # A HEAD's length is that of the body it leaves out.
        length = lengths[0] if self.command == "HEAD" and lengths else str(len(content))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _pass_on(base: str, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, str], bytes]:
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
    headers.pop("Authorization" if request.path.startswith("/v2/") else "", None)
    return _ask(base, request.command, request.path, headers, body)


def _ask(
    base: str, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=60)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, dict(answer.headers.items()), answer.read()
    finally:
        connection.close()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _signer(authorization: str) -> tuple[str, str, str]:
    """Return key, region and service of a signature (SigV4: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`)."""
    match = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", authorization)
    return (match[1], match[2], match[3]) if match else ("", "", "")


def _action(headers: Message, path: str, body: bytes) -> str:
    if target := headers.get("X-Amz-Target"):
        return target.rpartition(".")[2]
    return parse_qs(body.decode(errors="replace")).get("Action", [path])[0]


def _error(service: str, code: str, message: str) -> tuple[dict[str, str], bytes]:
    if service.startswith("ecr"):
        content = json.dumps({"__type": code, "message": message}).encode()
        return {"Content-Type": "application/x-amz-json-1.1"}, content
    text = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    return {"Content-Type": "text/xml"}, text.encode()


def _is_immutable(repository: Mapping[str, Any], tag: str) -> bool:
    """Say whether a tag cannot move (ECR API reference, ImageTagMutabilityExclusionFilter)."""
    filters = [item["filter"] for item in repository.get("imageTagMutabilityExclusionFilters", ())]
    exempt = any(fnmatchcase(tag, pattern) for pattern in filters)
    return repository.get("imageTagMutability", "MUTABLE").startswith("IMMUTABLE") and not exempt


def _repository(front: EcrFront, name: str) -> dict[str, Any] | None:
    ecr = front.client("ecr")
    try:
        return dict(ecr.describe_repositories(repositoryNames=[name])["repositories"][0])
    except ecr.exceptions.RepositoryNotFoundException:
        return None


# --- what ECR answers otherwise than moto


def _new_token(front: EcrFront, answer: dict[str, Any]) -> dict[str, Any]:
    token = secrets.token_urlsafe(24)
    expires = time() + front.token_seconds
    with front.lock:
        front.tokens[token] = expires
    data = answer["authorizationData"][0]
    data["authorizationToken"] = b64encode(f"AWS:{token}".encode()).decode()
    data["proxyEndpoint"] = front.endpoint
    data["expiresAt"] = expires
    return answer


def _respell_policy(_front: EcrFront, answer: dict[str, Any]) -> dict[str, Any]:
    """Write a policy as ECR gives it back: indented, lists of one as the one, accounts as their root ARNs."""
    document = json.loads(answer["policyText"])
    document["Statement"] = list(map(_respell, document["Statement"]))
    return {**answer, "policyText": json.dumps(document, indent=2)}


def _respell(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _respell(item) for key, item in value.items()}
    if isinstance(value, list):
        return _respell(value[0]) if len(value) == 1 else sorted(map(_respell, value))
    is_account = isinstance(value, str) and re.fullmatch(r"\d{12}", value)
    return f"arn:aws:iam::{value}:root" if is_account else value


def _own_host(front: EcrFront, answer: dict[str, Any]) -> dict[str, Any]:
    for repository in [*answer.get("repositories", []), *([answer["repository"]] if "repository" in answer else [])]:
        repository["repositoryUri"] = f"{front.address}/{repository['repositoryName']}"
    return answer


def _deletable(front: EcrFront, request: dict[str, Any]) -> tuple[bytes, list[dict[str, Any]]]:
    """Return a request to delete images without what ECR refuses, and the failures of that.

    A tag with a digest counts while they belong together and takes the tag alone; what an index needs stays.
    """
    name = request["repositoryName"]
    pairs = {
        (tag, image["imageDigest"])
        for image in front.client("ecr").describe_images(repositoryName=name)["imageDetails"]
        for tag in image.get("imageTags", ())
    }
    parents = {child["digest"] for image in _manifests(front, name) for child in json.loads(image).get("manifests", ())}
    refused, ids = [], []
    for one in request["imageIds"]:
        tag, digest = one.get("imageTag"), one.get("imageDigest")
        if digest in parents:
            refused.append({"imageId": one, "failureCode": "ImageReferencedByManifestList", "failureReason": "needed"})
        elif tag and digest and (tag, digest) not in pairs and any(tag == other for other, _ in pairs):
            refused.append({"imageId": one, "failureCode": "ImageTagDoesNotMatchDigest", "failureReason": "moved"})
        else:
            ids.append({"imageTag": tag} if tag else one)
    # moto wants at least one.
    return _json({**request, "imageIds": ids or [{"imageTag": "none"}]}), refused


def _manifests(front: EcrFront, name: str) -> Iterator[str]:
    ecr = front.client("ecr")
    digests = {one["imageDigest"] for one in ecr.describe_images(repositoryName=name)["imageDetails"]}
    if digests:
        answer = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageDigest": one} for one in digests])
        yield from (image["imageManifest"] for image in answer["images"])


def _deleted(front: EcrFront, name: str, answer: dict[str, Any], refused: list[dict[str, Any]]) -> bytes:
    """Take what moto has no more from the registry, and return ECR's answer."""
    images = front.client("ecr").describe_images(repositoryName=name)["imageDetails"]
    tags = {tag for image in images for tag in image.get("imageTags", ())}
    for one in answer["imageIds"]:
        if one["imageDigest"] not in {image["imageDigest"] for image in images}:
            _ask(f"http://{front.upstream}", "DELETE", f"/v2/{name}/manifests/{one['imageDigest']}", {}, b"")
        elif one.get("imageTag") not in tags:
            shutil.rmtree(front.images(name) / "_manifests" / "tags" / one["imageTag"], ignore_errors=True)
    failures = [one for one in answer["failures"] if one["imageId"].get("imageTag") != "none"]
    return _json({**answer, "failures": [*failures, *refused]})


_CHANGED = {
    "GetAuthorizationToken": _new_token,
    "GetRepositoryPolicy": _respell_policy,
    "CreateRepository": _own_host,
    "DescribeRepositories": _own_host,
}
