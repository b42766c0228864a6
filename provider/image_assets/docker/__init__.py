"""Everything that knows how `docker`, and programs with the same flags, are called.

Read `spec` (what is to be built), `dialect` (which programs there are and what each can do), `argv` (the command
line), `folders` (the directories that the builder reads, under names of their own), `overlay` (the configuration the
program sees), `probe` (finding the program and its builder), `store` (a built image in the engine's own store),
`progress` and `failure` (what the output says). `publishing.build` puts them together.
"""

from image_assets.docker.spec import BuildSpec, SecretSource
from image_assets.inputs.options import CacheOption

__all__ = ["BuildSpec", "CacheOption", "SecretSource"]
