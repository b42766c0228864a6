"""The enums of an SDK mean the same as the strings."""

from tests.conftest import NewProject
from tests.support.contexts import write_files

PROGRAM = """
import pulumi
import pulumi_image_assets as assets

common = {"directory": "app", "repository": "localhost:5000/app"}
named = assets.DockerImageAsset(
    "named",
    **common,
    platforms=[assets.Platform.LINUX_ARM64, assets.Platform.LINUX_AMD64],
    ignore_mode=assets.IgnoreMode.GIT,
    follow_symlinks=assets.FollowMode.BLOCK_EXTERNAL,
    network_mode=pulumi.Output.from_input(assets.NetworkMode.NONE),
    cache_from=[assets.CacheOptionArgs(type=assets.CacheType.REGISTRY, params={"ref": "localhost:5000/cache"})],
)
written = assets.DockerImageAsset(
    "written",
    **common,
    platforms=["linux/amd64", "linux/arm64"],
    ignore_mode="git",
    follow_symlinks="internal-only",
    network_mode="none",
    cache_from=[{"type": "registry", "params": {"ref": "localhost:5000/cache"}}],
)
pulumi.export("named", named.image_tag)
pulumi.export("written", written.image_tag)
"""


def test_an_enum_means_what_its_string_means(new_project: NewProject) -> None:
    project = new_project(PROGRAM, "python")
    write_files(project.folder / "app", {"Dockerfile": "FROM scratch\n"})
    outputs = project.preview().outputs
    assert outputs["named"] == outputs["written"]
