"""What an answer is, whatever its status says: a registry's, a manifest, or the page of somebody else.

A web server in a registry's place, a proxy or a sign-in page answers 200 to everything. So an answer counts only for
what it shows: `/v2/` for what the spec says of it, a manifest for being one with the right digest.
"""

import json
from typing import Any

from image_assets import reference as names
from image_assets.oci.challenge import Challenge
from image_assets.oci.exchange import Answer
from image_assets.oci.faults import ODD_ANSWER, ExchangeError, Fault, parse_refusal
from image_assets.oci.media_types import KNOWN, OCI_INDEX, OCI_MANIFEST
from image_assets.oci.model import Descriptor, Manifest, algorithm_of, digest_of

_API_HEADER = "docker-distribution-api-version"
_BLANKS = b"\xef\xbb\xbf \t\r\n"
#: What to look at where somebody else answers.
HINT = "check the host and the port, and whether a proxy or a sign-in page stands before the registry"


def failed(answer: Answer, reason: str) -> ExchangeError:
    """Return the error of an answer that asking again will not change."""
    return ExchangeError(reason, method=answer.method, url=answer.url, fault=Fault.FINAL, status=answer.status)


def is_web_page(answer: Answer) -> bool:
    """Say whether an answer is meant for a browser: by its content, or without any (HEAD), by its media type.

    Some registries' web frameworks call everything HTML.
    """
    if answer.content.strip(_BLANKS):
        return is_text_of_web_page(answer)
    return "html" in answer.headers.get("content-type", "").lower()


def is_text_of_web_page(answer: Answer) -> bool:
    """Say whether the content of an answer is meant for a browser, whatever its media type says."""
    return answer.content.lstrip(_BLANKS)[:1] == b"<"


def refuse_page(answer: Answer, consequence: str) -> None:
    """Make sure that who was sent something did not answer with a page, as sign-in pages do.

    With 201 and 202, web servers before a registry may say in HTML what they did.

    Raises:
        ExchangeError: It is a page, with what follows from that.
    """
    if answer.status == 200 and is_text_of_web_page(answer):
        raise failed(answer, f"the answer is a web page, {consequence}; {HINT}")


def check_support(answer: Answer, challenge: Challenge | None) -> None:
    """Make sure that `/v2/` answered as a registry does (spec, "Determining Support").

    Args:
        answer: The answer, where redirects ended.
        challenge: The way of signing in that it offers, if one is understood.

    Raises:
        ExchangeError: It is somebody else's answer, or one that leads no further.
    """
    if answer.status == 401:
        if challenge is None:
            text = parse_refusal(401, answer.content, answer.headers.get("content-type", "")).text
            raise failed(answer, f"{text}; it names no way to log in that is known here (Basic, Bearer)")
        return
    says_nothing = not answer.content.strip()
    if answer.status == 200 and (_API_HEADER in answer.headers or says_nothing or not is_web_page(answer)):
        return
    # Some refuse only this address, in a registry's words.
    if answer.status == 403 and (_API_HEADER in answer.headers or speaks_spec(answer)):
        return
    kind = "a web page" if is_web_page(answer) else parse_refusal(answer.status, answer.content).text
    raise failed(answer, f"this is not a registry: the answer is {kind}; {HINT}")


def speaks_spec(answer: Answer) -> bool:
    """Say whether an error is in the spec's words ("Error Codes")."""
    return bool(parse_refusal(answer.status, answer.content).codes)


def described(answer: Answer, reference: str) -> Descriptor | None:
    """Read a descriptor from the headers of a manifest; None if they do not tell all of a sound one.

    Raises:
        ExchangeError: The registry has other content under that digest.
    """
    digest = answer.headers.get("docker-content-digest", "")
    media_type, length = _media_type(answer), length_of(answer)
    if media_type not in KNOWN or not names.is_digest(digest) or length is None:
        return None
    if ":" in reference and reference != digest:
        if algorithm_of(reference) == algorithm_of(digest):
            raise failed(answer, f"the registry has {digest} there; {ODD_ANSWER}")
        return None
    return Descriptor(media_type, digest, length)


def manifest_of(answer: Answer, reference: str) -> Manifest:
    """Read a manifest or index: a JSON object of a known media type, with the right digest.

    Args:
        answer: The answer to a GET.
        reference: The tag or the digest that was asked for.

    Raises:
        ExchangeError: It is something else.
    """
    if is_web_page(answer):
        raise failed(answer, f"the answer is a web page, not a manifest; {HINT}")
    digest = _checked_digest(answer, reference)
    document = _object(answer)
    media_type = _kind(document, answer)
    if media_type is None:
        shown = document.get("mediaType") or _media_type(answer) or "none"
        raise failed(answer, f"the answer is not an image's manifest or index (media type: {str(shown)[:100]})")
    return Manifest(Descriptor(media_type, digest, len(answer.content)), answer.content)


def length_of(answer: Answer) -> int | None:
    """Return what `Content-Length` says."""
    length = answer.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


def _checked_digest(answer: Answer, reference: str) -> str:
    """Return the digest of the content: by the algorithm that it was asked for, and as was promised."""
    promised = answer.headers.get("docker-content-digest", "")
    for expected in (reference if ":" in reference else "", promised if names.is_digest(promised) else ""):
        if expected and (found := digest_of(answer.content, algorithm_of(expected))) != expected:
            raise failed(answer, f"the content has the digest {found}, not {expected}; {ODD_ANSWER}")
    return reference if ":" in reference else digest_of(answer.content)


def _object(answer: Answer) -> dict[str, Any]:
    try:
        document = json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise failed(answer, f"the answer is not JSON, so it is no manifest; {HINT}") from error
    if not isinstance(document, dict):
        raise failed(answer, f"the answer is no JSON object, so it is no manifest; {HINT}")
    return document


def _kind(document: dict[str, Any], answer: Answer) -> str | None:
    """Return the media type: the content's own word, else the header's, else what the content looks like.

    OCI image spec: `mediaType` may be left out, and registries that keep no types answer with a general one.
    """
    if document.get("schemaVersion") != 2:
        return None
    for stated in (document.get("mediaType"), _media_type(answer)):
        if stated in KNOWN:
            return str(stated)
    if document.get("mediaType"):
        return None
    if isinstance(document.get("manifests"), list):
        return OCI_INDEX
    return OCI_MANIFEST if isinstance(document.get("config"), dict) and "layers" in document else None


def _media_type(answer: Answer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()
