"""The resource that decides about an image.

copied        a copy of an image that is somewhere already
copy_facts    what a copy's inputs and its source tell of the copy: its tag, its outputs, whether the source can move
diff          what an update would change, decided from the stored and the wanted inputs alone
functions     the functions of the package: questions that a program asks without declaring anything
kept_secrets  secret inputs on their way from Check to Create: in this process's memory, never in the state
outputs       the outputs of an image, as far as they are known
program       what the images of one program share: logins, what is known of registries, and who talks to those
resource      START HERE: check, diff, create, update, read and delete of an image
stored        what a stored state, or the id of an import, says of an image
tagged        an image under a tag, whoever put it there: what making, refreshing and deleting have in common
"""
