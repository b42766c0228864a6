"""What of a repository can go: nothing that is in use, young, protected, or needed by what stays.

model        what a repository holds, as values
in_use       which tags and digests texts and exported states name
rules        the verdicts: pure, from a look at the repository, what is in use, and the user's rules
order        what goes before what; how many bytes go
documents    what a manifest says of its children, blobs and subject
oci          looking at, and deleting from, a registry that speaks the OCI distribution API
ecr          the same by Amazon ECR's own API, in batches
"""
