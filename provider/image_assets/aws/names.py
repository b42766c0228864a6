"""Names in Amazon ECR: registry hosts in every partition, repository ARNs and repository names."""

import hashlib
import re

from image_assets.errors import Problem
from image_assets.frozen import dataclass

#: The one registry of ECR Public.
PUBLIC_HOST = "public.ecr.aws"

#: What a registry's host name ends with (botocore's partitions.json, `dnsSuffix`; `on.` is the dual-stack form).
_SUFFIXES = (
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
)
_DUAL_STACK_SUFFIXES = ("on.aws", "on.amazonwebservices.com.cn", "on.amazonwebservices.eu")
_HOST = re.compile(
    r"(?P<account>\d{12})\."
    rf"(?:dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?:{'|'.join(map(re.escape, _SUFFIXES))})"
    rf"|dkr-ecr(?:-fips)?\.(?P<dual_region>[a-z0-9-]+)\.(?:{'|'.join(map(re.escape, _DUAL_STACK_SUFFIXES))}))"
)

#: The partition of a region by what its name begins with; every other region is in `aws`.
_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}

#: The region that a partition's global services answer in (botocore's partitions.json, `implicitGlobalRegion`).
_HOMES = {
    "aws-cn": "cn-northwest-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
    "aws-eusc": "eusc-de-east-1",
}

_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):ecr:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):repository/(?P<name>[^:\s]+)"
)

#: ECR API reference, CreateRepository, `repositoryName`: 2 to 256 characters of this pattern.
_REPOSITORY = re.compile(r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*")
_SHORTEST, _LONGEST = 2, 256
#: Made names stay shorter, so that host and name together stay within the 255 characters of an image name.
_LONGEST_MADE = 128


@dataclass(frozen=True)
class EcrHost:
    """A private registry of Amazon ECR: one for each account and region."""

    account: str
    region: str


@dataclass(frozen=True)
class RepositoryArn:
    """The name of an ECR repository that is unique in all of AWS."""

    partition: str
    region: str
    account: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "RepositoryArn":
        """Read an ARN.

        Raises:
            ValueError: The text is not the ARN of an ECR repository; the message says what one looks like.
        """
        match = _ARN.fullmatch(text)
        if not match:
            raise ValueError(
                f'"{text}" is not the ARN of an ECR repository: write arn:aws:ecr:REGION:ACCOUNT:repository/NAME'
            )
        return cls(**match.groupdict())

    def __str__(self) -> str:
        """Show the ARN."""
        return f"arn:{self.partition}:ecr:{self.region}:{self.account}:repository/{self.name}"


def partition_of(region: str) -> str:
    """Return the partition that a region is in (`aws`, `aws-cn`, `aws-us-gov`, ...)."""
    return next((name for prefix, name in _PARTITIONS.items() if region.startswith(prefix)), "aws")


def home_region(arn: str) -> str:
    """Return a region that can be asked about any resource of an ARN's partition."""
    return _HOMES.get(arn.split(":")[1] if ":" in arn else "", "us-east-1")


def parse_host(registry: str) -> EcrHost | None:
    """Read account and region out of a private ECR registry's host name; None for every other registry.

    Known are IPv4, FIPS and dual-stack hosts (ECR user guide, "Making requests to Amazon ECR registries"). A host that
    merely looks similar is none: it would be sent a token.
    """
    match = _HOST.fullmatch(registry)
    return EcrHost(match["account"], match["region"] or match["dual_region"]) if match else None


def arn_of(registry: str, path: str) -> RepositoryArn | None:
    """Return the ARN of the repository `registry/path`; None if the host is not ECR's."""
    host = parse_host(registry)
    return RepositoryArn(partition_of(host.region), host.region, host.account, path) if host else None


def name_problem(name: str, path: str) -> Problem | None:
    """Return what is wrong with a repository's name by ECR's rules, if anything is."""
    if _SHORTEST <= len(name) <= _LONGEST and _REPOSITORY.fullmatch(name):
        return None
    return Problem(
        path,
        f'"{name[:60]}" is not a repository name: ECR wants {_SHORTEST} to {_LONGEST} characters, a-z and 0-9, single '
        f'".", "_" or "-" only between those, and "/" between parts; for instance "{repository_name(name or "app")}"',
    )


def repository_name(*parts: str) -> str:
    """Join parts (project, stack, resource) into a repository's name that ECR accepts.

    Where a part had to be changed or the whole cut, a hash of the parts is appended, so that different parts never get
    the same name by that.
    """
    wanted = "-".join(parts)
    clean = _clean(wanted)
    if clean == wanted and _SHORTEST <= len(clean) <= _LONGEST_MADE:
        return clean
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
    return f"{clean[: _LONGEST_MADE - 9].rstrip('.-_')}-{digest}"


def _clean(text: str) -> str:
    """Replace everything that ECR refuses; a name must begin with a letter (ECR user guide, "Repository names")."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", text.lower())
    plain = re.sub(r"([._-])[._-]+", r"\1", plain).strip("._-")
    return plain if plain[:1].isalpha() else f"r-{plain}".rstrip("-")
