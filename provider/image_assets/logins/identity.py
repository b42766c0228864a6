"""What makes two spellings of a repository the same one."""

import re

from image_assets.addresses import host_of
from image_assets.aws.names import arn_of
from image_assets.reference import Repository

_LOOPBACK = re.compile(r"(?:localhost|127(?:\.\d+){3}|\[::1\])(?P<port>:\d+)?")


def identity_of(repository: Repository) -> str:
    """Return what all spellings of one repository have in common.

    A repository of ECR is known by its ARN, as its registry has several hosts (IPv4, FIPS, dual-stack).
    """
    arn = arn_of(repository.registry, repository.path)
    return str(arn) if arn else f"{_usual_host(repository.registry)}/{repository.full_path}"


def _usual_host(registry: str) -> str:
    loopback = _LOOPBACK.fullmatch(registry)
    return f"localhost{loopback['port'] or ''}" if loopback else host_of(registry.removesuffix(":443"))
