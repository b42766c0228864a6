"""The ignore languages: which entries of a directory are left out of a build context."""
