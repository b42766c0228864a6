"""A program through the Python SDK for a type checker: enums, outputs as inputs, results of methods, functions."""

import pulumi
import pulumi_image_assets as assets

config = pulumi.Config()
registry: pulumi.Output[str] = config.require_secret("registry")

images = assets.ImageRepository(
    "images",
    retention={"keep_last": 100},
    encryption=assets.EncryptionArgs(type=assets.EncryptionType.KMS),
)
api = assets.DockerImageAsset(
    "api",
    directory="./api",
    repository=images.repository_url,
    platform=assets.Platform.LINUX_ARM64,
    network_mode=assets.NetworkMode.NONE,
    ignore_mode=assets.IgnoreMode.GIT,
    follow_symlinks=assets.FollowMode.EXTERNAL,
    scope=assets.Scope.DOCKERFILE,
    build_args={"VERSION": registry.apply(str.upper)},
    build_secrets={"token": assets.BuildSecretArgs(value=config.require_secret("token"))},
    cache_from=[assets.CacheOptionArgs(type=assets.CacheType.GHA, params={"scope": "api"})],
    invalidation={"ignored_build_args": ["BUILD_TIME"]},
    destinations=[{"repository": pulumi.Output.concat(registry, "/api")}],
)
archive = assets.TarballImageAsset("archive", tarball_file="api.tar", repository=images.repository_url)
replica = assets.ImageReplica("replica", source=api.image_digest_uri, platforms=["linux/arm64"])

granted = api.grant_pull(name="lambda", service="lambda.amazonaws.com")
uri: pulumi.Output[str] = granted.image_uri
grant_id: pulumi.Output[str] = replica.grant(name="see", actions=["ecr:ListImages"], account_id="210987654321").grant_id
url: pulumi.Output[str] = images.grant_push(name="builder", role="image-builder").repository_url

now: assets.GetImageResult = assets.get_image(reference="registry.example.com/team/api:stable")
digest: str = now.image_digest
later: pulumi.Output[assets.GetImageResult] = assets.get_image_output(
    reference=uri, platform=assets.Platform.LINUX_ARM64
)
labels = later.apply(lambda image: image.labels["org.opencontainers.image.version"])

explicit = assets.Provider(
    "explicit",
    check_published=assets.CheckPublished.ALWAYS,
    registries=[{"address": "registry.example.com", "username": "robot", "password": registry}],
)
platforms: pulumi.Output[list[str]] = api.platforms.apply(list)
arn: pulumi.Output[str | None] = archive.repository_arn

pulumi.export("imageUri", uri)
pulumi.export("labels", labels)
