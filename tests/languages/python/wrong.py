"""What a type checker must catch: each line that is marked is an error, or the mark is."""

import pulumi_image_assets as assets

assets.DockerImageAssetArgs()  # type: ignore[call-arg]
assets.ImageReplicaArgs(repository="registry.example.com/api")  # type: ignore[call-arg]
assets.DockerImageAsset("api", directory="api", dir=1)  # type: ignore[call-overload]
assets.DockerImageAsset("api", directory="api", exclude=1)  # type: ignore[call-overload]
assets.DockerImageAsset("api", directory="api", scope=assets.Scope.EVERYTHING)  # type: ignore[attr-defined]
assets.DockerImageAsset("api", directory="api", retain_on_delete="yes")  # type: ignore[call-overload]
assets.ImageRepository("images", retention={"keepLast": 3})  # type: ignore[call-overload]
right = assets.DockerImageAsset("api", directory="api")
right.grant_pull(service="lambda.amazonaws.com")  # type: ignore[call-arg]
right.grant_pull(name="lambda", servce="lambda.amazonaws.com")  # type: ignore[call-arg]
wrong: int = assets.get_image(reference="registry.example.com/api").image_digest  # type: ignore[assignment]
