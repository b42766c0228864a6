"""The program `image-assets` of a release, which needs no Python."""

from image_assets.cli.main import main as command_line
from tools.artifacts.frozen import main

main(command_line)
