"""The command line `image-assets`, for people who ask why: the provider's own code, without Pulumi.

main                          the program: options of all commands, exit codes, errors
output                        tables for people, JSON for programs
source                        the options that describe an image's source, as a program's inputs would
ls · fingerprint · why        what counts, what it comes to, what has changed
state                         an exported state: its images, and the settings that they have
running                       a command that takes a while: its progress, Ctrl-C, the registries that it talks to
doctor                        whether building and publishing would work here
publish · copy                images to a registry, for scripts
gc                            what of a repository can go (in_use: stacks, states, standard input)
"""
