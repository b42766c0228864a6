"""The image-assets provider: source or archive in, an image named by its content out.

The way of one image, room by room; a room imports only from rooms that stand before it here or beside it (a test):

    inputs               wire values to frozen inputs, all problems at once, by tables of one row an input
    context, ignore      what of a directory reaches the builder;  archive: the image in a tar
    plan                 absolute places, the options that count, the fingerprint on demand
    logins               "the login for this registry", with all its sources (aws: ECR's)
    oci, transfer        one registry's API; blobs and manifests on their way, the tag last
    docker, programs     the programs that build, and their command lines; running any program
    publishing           there already? copy, build or open -> send -> check again -> tag; removing
    image                START HERE (`image/resource.py`): check, diff, create, read, update, delete of an image
    repository_policy    the resource that owns one statement of an ECR repository's policy
    retention            what of a repository can go: verdicts, and the two APIs that delete
    protocol             Pulumi's messages, its wire values, and the monitor that resources are registered with
    components           what a program declares: it registers images, repositories and grants
    plugin               the process and its RPCs
    cli                  the command line for people who ask why

At the root is what all of them say: `reference`, `platforms`, `addresses` (names of images, platforms, registries),
`values` (unknown, secret), `secrets` (masking), `custom_resource` (what a resource is), `task` (reporting, cancelling),
`once` (asking once), `own_folder` (temporary folders with logins), `frozen` (dataclasses), `errors`.
"""

__version__ = "0.1.0"

#: Where the project and its releases live, without a scheme: whoever publishes releases sets it to a place of theirs.
#: `.example` belongs to nobody (RFC 2606), so that nobody else's files are ever downloaded instead.
HOME = "image-assets.example"
