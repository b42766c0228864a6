"""The program `image-assets` of a release, which needs no Python."""
