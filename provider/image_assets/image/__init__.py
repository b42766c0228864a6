"""The resource that decides about an image.

copied        a copy of an image that is somewhere already
diff          what an update would change, decided from the stored and the wanted inputs alone
functions     the functions of the package: questions that a program asks without declaring anything
kept_secrets  secret inputs on their way from Check to Create: in this process's memory, never in the state
outputs       the outputs of an image, as far as they are known
resource      START HERE: check, diff, create, update, read and delete of an image
"""
