"""A folder in which a program of another language runs, with everything that is the user's own in it."""

from pathlib import Path

import pytest

from tests.conftest import NewContext, NewProject
from tests.fakes.ecr_front import EcrFront
from tests.support.project import Project


@pytest.fixture
def ecr_program(
    new_project: NewProject, busybox_context: NewContext, aws: EcrFront, repository_name: str, tmp_path: Path
) -> Project:
    """A project of a user of the emulated AWS, with a context in `app`; its program drives Pulumi itself."""
    project = new_project("", name=repository_name.replace("/", "-"))
    project.environ.update(aws.environ)
    (project.folder / "Pulumi.yaml").unlink()
    (project.private / "backend").mkdir(parents=True)
    busybox_context({"a.txt": "one\n"}, folder=project.folder / "app")
    return project
