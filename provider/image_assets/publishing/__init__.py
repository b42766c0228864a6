"""The one way of an image: there already? copy, build or open, send, check again, tag; and removing a tag.

`request` is one image to publish, `publisher` the way in its order. `content` brings all but the tag: `copies`
says what may be copied, `build_spec` and `build` go to the builder. `ledger` and `removal` decide what may be deleted.

    base_digests     what base images are now
    build            from a spec to an image: the seam between the provider and whatever program builds
    build_spec       from an image's inputs to what the builder is asked for
    content          bringing an image's content to a registry, all but the tag: copied, from an archive, or built
    copies           what may be copied instead of built: images by the key that makes two builds the same
    description      what a registry tells of an image without its layers being read
    emulation        whether a builder can run what a Dockerfile runs, where it is for another platform
    kept_cache       `cache`: where the layers of a build are kept for the next one, in a word
    ledger           which tags the resources of this program use, so that no resource takes away what another one needs
    lookups          questions to registries whether an image is there, begun early so that many are asked side by side
    made_archive     archives that are made when an image is published: by a command, or by an engine
    own_images       the images of this program, as other images of it may build on them
    part_caches      caches that a program names, for builds of single platforms
    publisher        publishing one image: neither built nor sent if the registry has it, and the tag last
    removal          removing tags that a resource wrote itself, and never what anybody else may use
    replicator       copying an image that is somewhere already: looked at, then by digest, the tag last
    request          what publishing one image needs to know
"""
