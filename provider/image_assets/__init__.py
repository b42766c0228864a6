"""The image-assets provider: source or archive in, an image named by its content out.

Start reading in `published_image`, the resource that takes every decision about an image. The way of the data:

    server, wire        Pulumi's protocol in and out; `components` make the children of an asset (`deployment`)
    published_image     check, diff, create, read, update, delete
      inputs            wire values to frozen inputs, by the table in `fields` and the types in `shapes`
      plan              absolute paths, and the options that count
      fingerprints      what reaches the builder (`context`, `ignore`), or an archive's image (`archive`)
      diff              what an update would change
      handover          secret inputs on their way to the build, in memory
      outputs           what is known of the image, in a preview too
      lookups           whether images are still there, asked side by side
      release           the tag exists, or: build, copy (`origins`) or open, send, check again, tag
        recipe, build   the builder and its command line (`docker`, `command`)
        publish         blobs and manifests, and the tag last
        registries      clients (`oci`) with the logins that apply (`credentials`, `aws`)
      retire            removing a tag of one's own
    repository_policy   one statement in the policy of an ECR repository (`aws`)

A file imports only from rows above its own; `tests/test_layout.py` has the rows.
"""

__version__ = "0.1.0"
