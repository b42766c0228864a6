"""The ARNs of repositories whose host does not tell them: an emulator is asked. Loaded for emulators only."""

from functools import cache

from image_assets.aws.ecr import Aws, EcrKeychain
from image_assets.aws.names import RepositoryArn
from image_assets.aws.settings import AwsSettings
from image_assets.errors import InputError
from image_assets.reference import Repository
from image_assets.repository_policy.rules import NOT_ECR
from image_assets.task import Task


def ask_arn(settings: AwsSettings, repository: Repository) -> RepositoryArn:
    """Return the ARN of a repository.

    Raises:
        InputError: It is not ECR's.
    """
    arn = _keychain(settings).arn(repository.registry, repository.path)
    if arn is None:
        raise InputError.single("repository", f'"{repository}" {NOT_ECR}')
    return arn


@cache
def _keychain(settings: AwsSettings) -> EcrKeychain:
    return EcrKeychain(Aws(settings), Task())
