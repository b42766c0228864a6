"""From inputs to absolute places, the options that count, and the fingerprint on demand.

archive_command  what counts of a command that makes an archive: its text, and the files that it reads
bases            `pinBaseImages`: which base images an image is built on, and how their digests count
commit           when the commit that is checked out was made
fingerprints     fingerprints on demand: begun early, each used for one decision only
git_login        logins for git repositories over HTTP, by build secrets of the names that BuildKit knows
git_source       a git repository as build context: which commit is meant, and its files
local_image      an image that the engine of this machine has already: asked for, never built or pulled
locations        whether what the inputs name is there, and is what it should be
network          whether the program that builds knows the network that is asked for
plan             from inputs to what will be read, built and published: absolute paths, and the options that count
rows             how the outline is stored among the inputs, so that a preview shows it only where something changed
stages           whether the Dockerfile has the stage that is to be built
target           where an image goes: the repository, and the tag that names the content
"""
