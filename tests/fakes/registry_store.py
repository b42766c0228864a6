"""The contents of the strict registry and its rules about them, without HTTP.

Numbers in the comments are the end points of the OCI distribution spec ("Endpoints").
"""

import hashlib
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_RANGE = re.compile(r"(\d+)-(\d+)")
_MANIFESTS = {
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
}
_INDEXES = {
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
}


@dataclass(frozen=True)
class Rules:
    """What this registry does otherwise than others.

    Attributes:
        immutable_tags: A tag can be written once, as ECR words it.
        deletes: What DELETE takes: `all`, `digests` only (as distribution 2.8), or `none`.
        chunk_min: Bytes that each piece but the last must have.
        monolithic: Whether the closing PUT may hold the blob.
        streamed: Whether a PATCH may come without Content-Range.
        relative: Whether Location is a path.
        blob_host: Where blobs are really read, as a URL's beginning.
        head_at_storage: Whether HEAD of a blob is sent there too.
        names_digest: Whether manifests are answered with Docker-Content-Digest.
        heads: Whether HEAD of a manifest is known.
        largest_body: Bytes of the largest body that is let through; 413 above.
        mounts: Whether blobs are mounted from other repositories.
        keeps_partial: Whether bytes of a broken request stay.
        ranges: Whether a part of a blob can be asked for.
        page: Tags on one page.
        takes: The media types of manifests that are taken; None for all.
        refuses_kind: Status and code of the answer to other ones.
        referrers: Whether what refers to a manifest is listed, so that `OCI-Subject` is answered.
        ranges_told: What `Range` says of an upload: `true`, `one more` (the bytes, not the number of the last one),
            `piece` (of the last piece only), or `stuck` (at the first piece).
        statuses: Statuses that are answered instead of the spec's, by the one that is the rule.
    """

    immutable_tags: bool = False
    deletes: str = "all"
    chunk_min: int = 0
    monolithic: bool = True
    streamed: bool = True
    relative: bool = False
    blob_host: str = ""
    head_at_storage: bool = False
    names_digest: bool = True
    heads: bool = True
    largest_body: int | None = None
    mounts: bool = True
    keeps_partial: bool = True
    ranges: bool = True
    page: int = 10
    takes: frozenset[str] | None = None
    refuses_kind: tuple[int, str] = (415, "MANIFEST_INVALID")
    referrers: bool = False
    ranges_told: str = "true"
    statuses: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Call:
    """A request; `pieces` reads its body."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    pieces: Callable[[], Iterator[bytes]]


class RefusedError(Exception):
    """The registry's answer is one of the spec's errors ("Error Codes")."""

    def __init__(self, status: int, code: str, message: str = "", **headers: str) -> None:
        super().__init__(code)
        row = {"code": code, "message": message or code.lower().replace("_", " ")}
        body = json.dumps({"errors": [row]}).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self.reply = Reply(status, {"Content-Type": "application/json", **names}, body)


@dataclass
class Upload:
    """An upload that is open."""

    path: str
    state: str
    pieces: list[int] = field(default_factory=list)
    content: bytearray = field(default_factory=bytearray)


@dataclass
class Store:
    """Repositories in memory. Every check that the spec allows a registry is made."""

    rules: Rules = field(default_factory=Rules)
    blobs: dict[str, dict[str, bytes]] = field(default_factory=dict)
    manifests: dict[str, dict[str, tuple[str, bytes]]] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def answer(self, call: Call) -> Reply:
        """Answer a call below `/v2/`."""
        for pattern, methods in _ROUTES:
            if match := pattern.fullmatch(call.path):
                if call.method not in methods:
                    raise RefusedError(405, "UNSUPPORTED")
                reply = methods[call.method](self, call, *match.groups())
                return replace(reply, status=self.rules.statuses.get(reply.status, reply.status))
        raise RefusedError(404, "NAME_INVALID" if call.path.startswith("/v2/") else "NOT_A_REGISTRY")

    def version(self, _call: Call) -> Reply:  # end-1
        return Reply(200, {"Docker-Distribution-API-Version": "registry/2.0"}, b"{}")

    def get_blob(self, call: Call, path: str, digest: str) -> Reply:  # end-2
        content = self._blob(path, digest)
        headers = {"Docker-Content-Digest": digest, "Content-Type": "application/octet-stream"}
        if self.rules.blob_host and (call.method == "GET" or self.rules.head_at_storage):
            return Reply(307, {"Location": f"{self.rules.blob_host}/data/{digest}?X-Signature=secret"})
        if self.rules.ranges and (start := re.fullmatch(r"bytes=(\d+)-", call.headers.get("range", ""))):
            rest = content[int(start[1]) :]
            return Reply(206, {**headers, "Content-Range": f"bytes {start[1]}-{len(content) - 1}/{len(content)}"}, rest)
        return Reply(200, headers, content)

    def get_manifest(self, call: Call, path: str, reference: str) -> Reply:  # end-3
        if call.method == "HEAD" and not self.rules.heads:
            raise RefusedError(405, "UNSUPPORTED")
        if path not in self.manifests:
            raise RefusedError(404, "NAME_UNKNOWN")
        digest = self.tags.get(path, {}).get(reference, reference)
        media_type, content = self.manifests[path].get(digest, ("", b""))
        if not media_type or media_type not in call.headers.get("accept", ""):
            raise RefusedError(404, "MANIFEST_UNKNOWN", f"no {reference} in a type that was asked for")
        named = {"Docker-Content-Digest": digest} if self.rules.names_digest else {}
        return Reply(200, {"Content-Type": media_type, **named}, content)

    def open_upload(self, call: Call, path: str) -> Reply:  # end-4, end-11
        if call.headers.get("content-length") != "0":
            raise RefusedError(411, "SIZE_INVALID", "POST needs Content-Length: 0")
        digest, other = call.query.get("mount"), call.query.get("from")
        if digest and other and self.rules.mounts and digest in self.blobs.get(other, {}):
            with self.lock:
                self.blobs.setdefault(path, {})[digest] = self.blobs[other][digest]
            return Reply(201, {"Location": self._place(call, f"/v2/{path}/blobs/{digest}")})
        with self.lock:
            name = uuid.uuid4().hex
            self.uploads[name] = Upload(path, uuid.uuid4().hex)
        least = {"OCI-Chunk-Min-Length": str(self.rules.chunk_min)} if self.rules.chunk_min else {}
        return Reply(202, {**self._standing(call, name), **least})

    def patch_upload(self, call: Call, path: str, name: str) -> Reply:  # end-5
        upload = self._upload(call, path, name)
        asked = call.headers.get("content-range")
        if asked is None and not self.rules.streamed:
            raise RefusedError(411, "SIZE_INVALID", "pieces need Content-Range and Content-Length")
        if asked is not None:
            self._check_range(call, upload, name, asked)
        self._receive(call, upload, name)
        return Reply(202, self._standing(call, name))

    def upload_status(self, call: Call, path: str, name: str) -> Reply:  # end-13
        self._upload(call, path, name, any_state=True)
        return Reply(204, self._standing(call, name))

    def close_upload(self, call: Call, path: str, name: str) -> Reply:  # end-6
        upload = self._upload(call, path, name)
        digest = call.query.get("digest", "")
        if not _DIGEST.fullmatch(digest):
            raise RefusedError(400, "DIGEST_INVALID", "PUT needs ?digest=")
        if call.headers.get("content-length") != "0":
            if not self.rules.monolithic:
                raise RefusedError(405, "UNSUPPORTED", "the closing PUT takes no content")
            self._receive(call, upload, name)
        content = bytes(upload.content)
        with self.lock:
            self.uploads.pop(name, None)
        if digest_of(content) != digest:
            raise RefusedError(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        with self.lock:
            self.blobs.setdefault(path, {})[digest] = content
        headers = {"Location": self._place(call, f"/v2/{path}/blobs/{digest}"), "Docker-Content-Digest": digest}
        return Reply(201, headers)

    def put_manifest(self, call: Call, path: str, reference: str) -> Reply:  # end-7
        content = b"".join(call.pieces())
        digest = digest_of(content)
        media_type = call.headers.get("content-type", "")
        self._check_manifest(path, content, media_type)
        if ":" in reference and reference != digest:
            raise RefusedError(400, "DIGEST_INVALID")
        with self.lock:
            self._write(path, reference, digest, (media_type, content))
        headers = {"Location": self._place(call, f"/v2/{path}/manifests/{digest}"), "Docker-Content-Digest": digest}
        if self.rules.referrers and (subject := json.loads(content).get("subject")):
            headers["OCI-Subject"] = subject["digest"]
        return Reply(201, headers)

    def list_tags(self, call: Call, path: str) -> Reply:  # end-8
        if path not in self.manifests:
            raise RefusedError(404, "NAME_UNKNOWN")
        limit = min(int(call.query.get("n", self.rules.page)), self.rules.page)
        after = [tag for tag in sorted(self.tags.get(path, {})) if tag > call.query.get("last", "")]
        more = f'</v2/{path}/tags/list?n={limit}&last={after[limit - 1]}>; rel="next"' if len(after) > limit else ""
        body = json.dumps({"name": path, "tags": after[:limit]}).encode()
        return Reply(200, {"Content-Type": "application/json", **({"Link": more} if more else {})}, body)

    def list_referrers(self, call: Call, path: str, digest: str) -> Reply:  # end-12a
        if not self.rules.referrers:
            raise RefusedError(404, "NOT_FOUND")
        every = self.manifests.get(path, {})
        about = [
            {"mediaType": kind, "digest": key, "size": len(content)}
            for key, (kind, content) in every.items()
            if (json.loads(content).get("subject") or {}).get("digest") == digest
        ]
        first = int(call.query.get("from", "0"))
        shown = about[first : first + self.rules.page]
        more = first + self.rules.page < len(about)
        link = {"Link": f'</v2/{path}/referrers/{digest}?from={first + self.rules.page}>; rel="next"'} if more else {}
        kind = "application/vnd.oci.image.index.v1+json"
        body = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": shown}).encode()
        return Reply(200, {"Content-Type": kind, **link}, body)

    def delete_manifest(self, _call: Call, path: str, reference: str) -> Reply:  # end-9
        is_digest = ":" in reference
        if self.rules.deletes == "none" or (self.rules.deletes == "digests" and not is_digest):
            raise RefusedError(405, "UNSUPPORTED")
        with self.lock:
            tags = self.tags.get(path, {})
            if reference not in (self.manifests.get(path, {}) if is_digest else tags):
                raise RefusedError(404, "MANIFEST_UNKNOWN")
            for tag in [tag for tag, digest in tags.items() if reference in {tag, digest}]:
                del tags[tag]
            if is_digest:
                del self.manifests[path][reference]
        return Reply(202)

    def _blob(self, path: str, digest: str) -> bytes:
        if path not in self.blobs:
            raise RefusedError(404, "NAME_UNKNOWN")
        if digest not in self.blobs[path]:
            raise RefusedError(404, "BLOB_UNKNOWN")
        return self.blobs[path][digest]

    def _upload(self, call: Call, path: str, name: str, *, any_state: bool = False) -> Upload:
        """Return the upload; the client must come with the Location of the last answer, to the letter."""
        upload = self.uploads.get(name)
        if upload is None or upload.path != path:
            raise RefusedError(404, "BLOB_UPLOAD_UNKNOWN")
        if not any_state and call.query.get("_state") != upload.state:
            raise RefusedError(400, "BLOB_UPLOAD_INVALID", "not the Location of the last answer")
        return upload

    def _check_range(self, call: Call, upload: Upload, name: str, asked: str) -> None:
        match = _RANGE.fullmatch(asked)
        length = int(match[2]) - int(match[1]) + 1 if match else -1
        if not match or int(match[1]) != len(upload.content):
            raise RefusedError(416, "BLOB_UPLOAD_INVALID", "out of order", **self._standing(call, name))
        if call.headers.get("content-length") != str(length):
            raise RefusedError(400, "SIZE_INVALID", "Content-Length and Content-Range differ")

    def _receive(self, call: Call, upload: Upload, name: str) -> None:
        """Add the body to the upload; what arrived before a break stays or goes, by the rules."""
        before = len(upload.content)
        try:
            for piece in call.pieces():
                upload.content += piece
        except ConnectionError:
            if not self.rules.keeps_partial:
                self.uploads.pop(name, None)
            raise
        upload.pieces.append(len(upload.content) - before)
        if before and before % max(self.rules.chunk_min, 1):
            raise RefusedError(416, "SIZE_INVALID", "the piece before was too small")

    def _standing(self, call: Call, name: str) -> dict[str, str]:
        upload = self.uploads[name]
        if call.method != "GET":
            upload.state = uuid.uuid4().hex
        location = f"/v2/{upload.path}/blobs/uploads/{name}?_state={upload.state}"
        return {"Location": self._place(call, location), "Range": self._range(upload)}

    def _range(self, upload: Upload) -> str:
        """Say what has arrived, as this registry says it."""
        size = len(upload.content)
        first, last = (upload.pieces[0], upload.pieces[-1]) if upload.pieces else (size, size)
        start, after = {
            "true": (0, size),
            "one more": (0, size + 1),
            "piece": (size - last, size),
            "stuck": (0, first),
        }[self.rules.ranges_told]
        return f"{start}-{max(after - 1, 0)}"

    def _place(self, call: Call, path: str) -> str:
        return path if self.rules.relative else f"{call.headers['x-origin']}{path}"

    def _check_manifest(self, path: str, content: bytes, media_type: str) -> None:
        if self.rules.takes is not None and media_type not in self.rules.takes:
            raise RefusedError(*self.rules.refuses_kind)
        try:
            manifest: Any = json.loads(content)
        except ValueError as error:
            raise RefusedError(400, "MANIFEST_INVALID", "not JSON") from error
        if manifest.get("mediaType", media_type) != media_type or media_type not in _MANIFESTS | _INDEXES:
            raise RefusedError(400, "MANIFEST_INVALID", "the media types differ")
        if media_type in _INDEXES:
            children = [child["digest"] for child in manifest["manifests"]]
            missing = [digest for digest in children if digest not in self.manifests.get(path, {})]
        else:
            blobs = [manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]
            missing = [digest for digest in blobs if digest not in self.blobs.get(path, {})]
        if missing:
            raise RefusedError(400, "MANIFEST_BLOB_UNKNOWN", f"blob unknown to registry: {missing[0]}")

    def _write(self, path: str, reference: str, digest: str, manifest: tuple[str, bytes]) -> None:
        tags = self.tags.setdefault(path, {})
        if ":" not in reference:
            if not _TAG.fullmatch(reference):
                raise RefusedError(400, "TAG_INVALID")
            if self.rules.immutable_tags and reference in tags:
                raise RefusedError(400, "TAG_INVALID", f"The image tag '{reference}' already exists and is immutable")
            tags[reference] = digest
        self.manifests.setdefault(path, {})[digest] = manifest


def digest_of(content: bytes) -> str:
    """Return the content's digest."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


_Answerer = Callable[..., Reply]
_ROUTES: tuple[tuple[re.Pattern[str], dict[str, _Answerer]], ...] = (
    (re.compile(r"/v2/"), {"GET": Store.version, "HEAD": Store.version}),
    (re.compile(rf"/v2/({NAME})/blobs/(sha256:[0-9a-f]{{64}})"), {"GET": Store.get_blob, "HEAD": Store.get_blob}),
    (
        re.compile(rf"/v2/({NAME})/manifests/([^/]+)"),
        {
            "GET": Store.get_manifest,
            "HEAD": Store.get_manifest,
            "PUT": Store.put_manifest,
            "DELETE": Store.delete_manifest,
        },
    ),
    (re.compile(rf"/v2/({NAME})/blobs/uploads/"), {"POST": Store.open_upload}),
    (
        re.compile(rf"/v2/({NAME})/blobs/uploads/([0-9a-f]+)"),
        {"PATCH": Store.patch_upload, "PUT": Store.close_upload, "GET": Store.upload_status},
    ),
    (re.compile(rf"/v2/({NAME})/referrers/(sha256:[0-9a-f]{{64}})"), {"GET": Store.list_referrers}),
    (re.compile(rf"/v2/({NAME})/tags/list"), {"GET": Store.list_tags}),
)
