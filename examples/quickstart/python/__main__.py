"""An image that shows a page, published under a tag that names its content."""

import pulumi
import pulumi_image_assets as assets

config = pulumi.Config()
site = assets.DockerImageAsset(
    "site",
    directory="../site",
    repository=config.get("repository") or "localhost:5000/quickstart",
    build_args={"BASE": config.get("base") or "docker.io/library/busybox:stable", "GREETING": "Good day"},
)

pulumi.export("imageUri", site.image_uri)
pulumi.export("imageDigest", site.image_digest)
