"""The digest cache: SHA-256 of files known by what the file system says of them."""


class DigestCache:
    """To be filled."""
