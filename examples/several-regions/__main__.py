"""One build, one digest, an address in each region."""

import pulumi
import pulumi_image_assets as assets

config = pulumi.Config()

# The asset's own repository is in the stack's account and region; `destinations` are copies of what is published there.
api = assets.DockerImageAsset("api", directory="./api", destinations=config.require_object("places"))

pulumi.export("imageUri", api.image_uri)
pulumi.export("imageDigest", api.image_digest)
pulumi.export("destinationUris", api.destination_uris)
