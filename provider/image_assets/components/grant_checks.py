"""What can be wrong with a grant, told before anything is made; parts that are not known yet are passed over."""

from collections.abc import Iterator, Mapping
from typing import Any

from image_assets.errors import InputError, Problem
from image_assets.inputs.grant_fields import GRANT_METHODS, STATEMENT
from image_assets.inputs.wording import describe, missing, nearest
from image_assets.repository_policy import rules
from image_assets.values import UNKNOWN, Secret, plain

#: The arguments that say who is granted something.
GRANTEES = ("role", "service", "accountId", "arn")
#: The inputs that declare grants, and the method that each entry stands for.
TWINS = {"pullPrincipals": "grantPull", "resourcePolicyStatements": "addToResourcePolicy"}


def refuse(found: Iterator[Problem]) -> None:
    """Refuse grants with problems.

    Raises:
        InputError: With every problem.
    """
    problems = tuple(found)
    if problems:
        raise InputError(problems)


def twin_problems(twins: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield everything that is wrong with declared grants, as far as they are known."""
    names: dict[Any, str] = {}
    for key, value in twins.items():
        grants = plain(value)
        if grants is UNKNOWN:
            continue
        if not isinstance(grants, list):
            yield Problem(key, f"must be a list of grants, not {describe(grants)}")
            continue
        for index, grant in enumerate(map(plain, grants)):
            path = f"{key}[{index}]"
            if grant is UNKNOWN:
                continue
            yield from grant_problems(TWINS[key], grant, path)
            name = plain(grant.get("name")) if isinstance(grant, Mapping) else None
            if isinstance(name, str) and name in names:
                yield Problem(f"{path}.name", f'"{name}" is the name of {names[name]} already: give each its own')
            elif isinstance(name, str):
                names[name] = path


def grant_problems(method: str, args: Any, path: str) -> Iterator[Problem]:
    """Yield everything that is wrong with one grant, as far as it is known."""
    if not isinstance(args, Mapping):
        yield Problem(path, f"must be an object, not {describe(args)}")
        return
    rows = [row.name for row in GRANT_METHODS[method][1]]
    prefix = f"{path}." if path else ""
    for key in args:
        if key not in rows:
            yield Problem(f"{prefix}{key}", f"there is no such property{nearest(key, rows)}")
    yield from _name_problems(plain(args.get("name")), f"{prefix}name")
    if method == "addToResourcePolicy":
        yield from _statement_problems(plain(args.get("statement")), f"{prefix}statement")
        return
    yield from _grantee_problems(args, path, prefix)
    if method == "grant":
        yield from _action_problems(plain(args.get("actions")), f"{prefix}actions")


def _name_problems(name: Any, path: str) -> Iterator[Problem]:
    if name is None or name == "":
        lack = "is missing" if name is None else "must not be empty"
        yield Problem(path, f"{lack}: give the grant a name, unique in its resource")
    elif not isinstance(name, str):
        yield Problem(path, "must be a string that is known when the program runs, not an output of a resource")


def _grantee_problems(args: Mapping[str, Any], path: str, prefix: str) -> Iterator[Problem]:
    given = [kind for kind in GRANTEES if args.get(kind) is not None]
    if len(given) != 1:
        # The engine prints the value at the path, so it had better be a small one.
        where = f"{prefix}{given[-1]}" if given else path or "name"
        yield Problem(where, f"give exactly one of {', '.join(GRANTEES)}, not {' and '.join(given) or 'none'}")
    for kind in given:
        yield from _who_problems(kind, args[kind], f"{prefix}{kind}")


def _who_problems(kind: str, value: Any, path: str) -> Iterator[Problem]:
    who = account_text(plain(value)) if kind == "accountId" else plain(value)
    shown = "it" if isinstance(value, Secret) else f'"{who}"'
    if who is UNKNOWN:
        return
    if not isinstance(who, str) or not who:
        yield Problem(path, "must be a string, not empty")
    elif kind == "accountId" and not (len(who) == 12 and who.isdigit()):
        yield Problem(path, f"{shown} is not an AWS account: write its 12 digits")
    elif kind == "arn" and not who.startswith("arn:"):
        yield Problem(
            path, f"{shown} is not an ARN: write arn:aws:iam::ACCOUNT:role/NAME, or use `role` or `accountId`"
        )
    elif kind == "service" and "." not in who:
        named = "NAME" if isinstance(value, Secret) else who
        yield Problem(path, f"{shown} is not a service principal: write {named}.amazonaws.com")


def account_text(account: Any) -> Any:
    """Return an account's 12 digits: YAML takes them for a number even in quotes, once they went through a variable."""
    is_number = isinstance(account, int | float) and not isinstance(account, bool)
    return f"{int(account):012d}" if is_number else account


def _action_problems(actions: Any, path: str) -> Iterator[Problem]:
    if actions is UNKNOWN:
        return
    if isinstance(actions, list):
        yield from rules.action_problems(actions, path)
    else:
        yield Problem(path, "must be a list of actions, such as ecr:DescribeImages")


def _statement_problems(statement: Any, path: str) -> Iterator[Problem]:
    if statement is None:
        yield Problem(path, missing(STATEMENT.doc))
    else:
        yield from rules.statement_problems(statement, path)
