"""Everything that knows how `docker`, and programs with the same flags, are called.

`publishing.build` puts it together:

    spec        what is to be built, apart from any program
    dialect     which programs there are, and what each can do; `abilities` what not every builder can
    program     the program that is installed; `probe` whether it and its builder answer
    builders    buildx's builders, from its own files; `nodes` which node of one builds, and which if that dies
    run         one run of the program: its environment, and whether a secret would stand in its command line
    argv        the command line; `definition` the same as a private file for the case that one would
    folders     the directories that the builder reads, under names that are used once
    overlay     the configuration that the program sees, with our logins, swept if we are killed; `secrets` how build
                secrets get to it
    log         the whole output; `progress` what it says of the steps, `failure` and `quoted` why one failed
    store       a built image in the engine's own store; `engine_api` the same questions without a program's start
"""

from image_assets.docker.spec import BuildSpec, SecretSource
from image_assets.inputs.options import CacheOption

__all__ = ["BuildSpec", "CacheOption", "SecretSource"]
