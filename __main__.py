"""What Pulumi starts when this folder is used as a plugin from source (PulumiPlugin.yaml)."""

from image_assets.plugin.server import main

main()
