"""What a program may say: the tables of inputs and settings, their types, parsing, the schema.

archive_fields      where an archive comes from, one row an input: a file, a command that makes it, or an engine
build_checks        checks of single words of a build, that the builder would pass over or refuse too late
build_fields        how an image is built from a directory, one row an input
build_flags         flags of the build command that contradict what this provider does itself
cache_options       where builds take layers from and leave them: the backends and what each is told
checks              checks of single texts (`types.Text`): what is wrong with one, or None
choices             values with a list: enums in every SDK, where the strings are taken too
destination_fields  where an image goes, one row an input, and how its registry is reached
examples            the examples in the schema's descriptions, in the form of Pulumi's Registry
field               what a row in a table of inputs says
function_fields     the functions that a program can call: their arguments and results, one row each
grant_fields        who may do what with a repository: the inputs, the methods and their arguments, one row each
image               from wire values to frozen inputs: every problem at once, unknown values kept apart
in_memory           which texts of the inputs are secret, and what the state holds instead
options             the build options, one attribute an input
property_path       Pulumi's property paths: `buildArgs.V`, `files["src/a.py"]`, `tags[0]`, and `*` for any part
replica             from wire values to the frozen inputs of a copy
replica_fields      copies of images: replicas and destinations, one row an input
repository_fields   an ECR repository of the program's own, one row an input
schema              the Pulumi package schema, made from the tables of inputs
settings            the provider's configuration: what holds for every image of a program
types               the types an input can have: how each is checked, frozen, and described in the schema
wording             how a problem with an input is said: what is missing, and what was probably meant
"""
