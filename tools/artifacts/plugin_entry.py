"""The program `pulumi-resource-image-assets` of a release, which needs no Python."""

from image_assets.plugin.server import main as serve
from tools.artifacts.frozen import main

main(serve)
