"""The one way of an image: there already? copy, build or open, send, check again, tag; and removing a tag.

`request` is one image to publish, `publisher` the way in its order. `content` brings all but the tag: `copies` and
`build_key` say what may be copied, `build_spec` and `build` go to the builder. `ledger` and `removal` decide what may
be deleted.
"""
