"""Statements of ECR repositories' policies: made, checked and compared.

The rules are those of the IAM user guide, "IAM JSON policy elements reference", with what ECR repository policies leave
out (no `Resource`).
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from image_assets.errors import Problem
from image_assets.values import UNKNOWN, Secret

NOT_ECR = "is not an Amazon ECR repository, and only those have policies: grant access where that registry is run"

Statement = Mapping[str, Any]

#: The actions that AWS CDK grants (aws-cdk-lib, aws-ecr, `RepositoryBase`).
PULL_ACTIONS = ("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage")
PUSH_ACTIONS = (
    "ecr:CompleteLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:InitiateLayerUpload",
    "ecr:BatchCheckLayerAvailability",
    "ecr:PutImage",
)
PULL_PUSH_ACTIONS = tuple(dict.fromkeys(PULL_ACTIONS + PUSH_ACTIONS))
#: Signing in concerns the registry, so no repository can be named for it (Service Authorization Reference, Amazon ECR).
TOKEN_ACTION = "ecr:GetAuthorizationToken"  # noqa: S105 - an action's name

LAMBDA = "lambda.amazonaws.com"
#: What Lambda's own statement allows (`LambdaECRImageRetrievalPolicy`), which it adds to repositories without one
#: (Lambda developer guide, "Amazon ECR permissions").
LAMBDA_ACTIONS = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")

_LONGEST_MADE_SID = 100
_ELEMENTS = ("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Condition")
_PRINCIPALS = ("AWS", "Service", "Federated", "CanonicalUser")
#: What a policy's text may hold at all (IAM API reference, `policyDocument`). IAM's own policies take only letters and
#: digits here, ECR's have been seen with more, such as "Add-staging-right".
_SID = re.compile(r"[\x20-\x7e\xa0-\xff]+")
_MADE_SID = re.compile(r"[A-Za-z0-9]*[0-9a-f]{12}")
_ACTION = re.compile(r"ecr:[A-Za-z*?]+|\*")
_IDENTITY = re.compile(r"arn:aws[a-z-]*:iam::\d+:(?:role|user)/.+")
_ACCOUNT_ROOT = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):root")


# --- making statements


def allow(principal: Mapping[str, Any], actions: Sequence[str]) -> dict[str, Any]:
    """Make a statement that lets a principal do something with the repository that it stands at."""
    return {"Effect": "Allow", "Principal": dict(principal), "Action": list(actions)}


def account_principal(account: str, partition: str) -> dict[str, str]:
    """Return the principal for everybody whom an account's own policies let do it."""
    return {"AWS": f"arn:{partition}:iam::{account}:root"}


def lambda_condition(partition: str, region: str, account: str) -> dict[str, Any]:
    """Return the condition that Lambda puts on its own statement: functions of one account and region."""
    return {"StringLike": {"aws:sourceArn": f"arn:{partition}:lambda:{region}:{account}:function:*"}}


def make_sid(urn: str, name: str) -> str:
    """Make the Sid of a resource: readable, letters and digits only, and different for every URN."""
    digest = hashlib.sha256(urn.encode()).hexdigest()[:12]
    words = re.findall(r"[A-Za-z0-9]+", name)
    readable = "".join(word[:1].upper() + word[1:] for word in words)
    return readable[: _LONGEST_MADE_SID - len(digest)] + digest


def is_made(sid: str) -> bool:
    """Say whether a Sid was made by `make_sid`, in whatever program."""
    return _MADE_SID.fullmatch(sid) is not None


def names_identity(statement: Statement) -> bool:
    """Say whether a statement names a role or a user, which ECR refuses until IAM has spread it."""
    return any(
        _IDENTITY.fullmatch(name)
        for element in ("Principal", "NotPrincipal")
        for name in _texts_within(statement.get(element))
    )


def _texts_within(value: Any) -> Iterator[str]:
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    if isinstance(value, str):
        yield value
    for item in items:
        yield from _texts_within(item)


# --- checking statements


def statement_problems(statement: Any, path: str) -> Iterator[Problem]:
    """Yield everything that is wrong with a statement; parts that are not known yet are passed over."""
    statement = _plain(statement)
    if statement is UNKNOWN:
        return
    if not isinstance(statement, Mapping):
        yield Problem(path, "must be an object with Effect, Principal and Action")
        return
    yield from _element_problems(statement, path)
    yield from sid_problems(_plain(statement.get("Sid")), f"{path}.Sid")
    yield from _effect_problems(_plain(statement.get("Effect")), f"{path}.Effect")
    yield from _one_of(statement, "Principal", "NotPrincipal", path)
    yield from _one_of(statement, "Action", "NotAction", path)
    for element, check in _CHECKS.items():
        if statement.get(element) is not None:
            yield from check(_plain(statement[element]), f"{path}.{element}")


def _element_problems(statement: Statement, path: str) -> Iterator[Problem]:
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it, every start would pay for it

    for key in statement:
        if key in ("Resource", "NotResource"):
            yield Problem(f"{path}.{key}", "does not belong into a repository's policy: leave it out")
        elif key not in _ELEMENTS:
            near = get_close_matches(key.capitalize(), _ELEMENTS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_ELEMENTS)}"
            yield Problem(f"{path}.{key}", f"a statement has no such element; {hint}")


def sid_problems(sid: Any, path: str) -> Iterator[Problem]:
    """Yield what is wrong with a Sid; one that is not given or not known is passed over."""
    if sid is None or sid is UNKNOWN:
        return
    if not isinstance(sid, str) or not _SID.fullmatch(sid):
        yield Problem(path, "must be a text without line breaks, not empty; leave it out to get one")


def _effect_problems(effect: Any, path: str) -> Iterator[Problem]:
    if effect is not UNKNOWN and effect not in ("Allow", "Deny"):
        yield Problem(path, "is missing: write Allow or Deny" if effect is None else "must be Allow or Deny")


def _one_of(statement: Statement, one: str, other: str, path: str) -> Iterator[Problem]:
    given = [name for name in (one, other) if statement.get(name) is not None]
    if not given:
        yield Problem(f"{path}.{one}", f"is missing: write {one} or {other}")
    elif len(given) > 1:
        yield Problem(f"{path}.{other}", f"contradicts {one}: give one of them")


def principal_problems(principal: Any, path: str) -> Iterator[Problem]:
    """Yield what is wrong with a principal: `"*"` or an object from kinds to names."""
    if principal in (UNKNOWN, "*"):
        return
    if not isinstance(principal, Mapping) or not principal:
        yield Problem(path, f'must be "*" or an object with one of {", ".join(_PRINCIPALS)}')
        return
    for kind, names in principal.items():
        if kind not in _PRINCIPALS:
            yield Problem(f"{path}.{kind}", f"there is no such kind of principal; there are {', '.join(_PRINCIPALS)}")
        else:
            yield from _text_problems(names, f"{path}.{kind}", "a name")


def action_problems(actions: Any, path: str) -> Iterator[Problem]:
    """Yield what is wrong with an action or a list of actions."""
    yield from _text_problems(actions, path, "an action")
    for index, action in enumerate(_texts(actions)):
        if not _ACTION.fullmatch(action):
            where = f"{path}[{index}]" if isinstance(_plain(actions), list | tuple) else path
            yield Problem(where, f'"{action}" is not an action of ECR: write, for instance, ecr:BatchGetImage')


def _condition_problems(condition: Any, path: str) -> Iterator[Problem]:
    if condition is UNKNOWN:
        return
    tests = list(map(_plain, condition.values())) if isinstance(condition, Mapping) else [None]
    if not all(test is UNKNOWN or isinstance(test, Mapping) for test in tests):
        yield Problem(path, 'must be like {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}')


def _text_problems(value: Any, path: str, what: str) -> Iterator[Problem]:
    value = _plain(value)
    if value is UNKNOWN or (isinstance(value, str) and value):
        return
    items = list(map(_plain, value)) if isinstance(value, list | tuple) else []
    if not items or not all(item is UNKNOWN or (isinstance(item, str) and item) for item in items):
        yield Problem(path, f"must be {what} or a list of such, not empty")


def _texts(value: Any) -> list[str]:
    value = _plain(value)
    items = value if isinstance(value, list | tuple) else [value]
    return [item for item in map(_plain, items) if isinstance(item, str) and item]


def _plain(value: Any) -> Any:
    return _plain(value.value) if isinstance(value, Secret) else value


_CHECKS: Mapping[str, Callable[[Any, str], Iterator[Problem]]] = {
    "Principal": principal_problems,
    "NotPrincipal": principal_problems,
    "Action": action_problems,
    "NotAction": action_problems,
    "Condition": _condition_problems,
}


# --- comparing statements


def same(one: Statement, other: Statement) -> bool:
    """Say whether two statements mean the same to IAM: ECR writes documents back in its own form."""
    return normal(one) == normal(other)


def normal(statement: Statement) -> dict[str, Any]:
    """Return a statement's elements but its Sid in the one form that all spellings of the same meaning have."""
    return {key: _NORMAL.get(key, _as_is)(value) for key, value in statement.items() if key != "Sid"}


def _as_is(value: Any) -> Any:
    return value


def _normal_actions(value: Any) -> frozenset[str]:
    return frozenset(action.lower() for action in _listed(value))


def _normal_principal(value: Any) -> dict[str, frozenset[str]]:
    # "*" stands for {"AWS": "*"} (IAM user guide, "AWS JSON policy elements: Principal").
    kinds = value if isinstance(value, Mapping) else {"AWS": value}
    return {kind: frozenset(map(_account, _listed(names))) for kind, names in kinds.items()}


def _account(name: str) -> str:
    """Return the account's number for its root ARN: IAM takes both for the same."""
    match = _ACCOUNT_ROOT.fullmatch(name)
    return match[1] if match else name


def _normal_condition(value: Mapping[str, Any]) -> dict[str, dict[str, frozenset[str]]]:
    # Condition keys are not case-sensitive, operators and values are.
    return {
        operator: {key.lower(): frozenset(map(_condition_text, _listed(wanted))) for key, wanted in tests.items()}
        for operator, tests in value.items()
    }


def _condition_text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


_NORMAL: Mapping[str, Callable[[Any], Any]] = {
    "Action": _normal_actions,
    "NotAction": _normal_actions,
    "Principal": _normal_principal,
    "NotPrincipal": _normal_principal,
    "Condition": _normal_condition,
}
