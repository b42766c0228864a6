"""What Pulumi starts when this folder is used as a plugin from source (PulumiPlugin.yaml)."""

from image_assets.server import main

main()
