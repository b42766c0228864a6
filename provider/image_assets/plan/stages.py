"""Whether the Dockerfile has the stage that is to be built."""

from image_assets.context.dockerfile_content import dockerfile_content
from image_assets.errors import InputError
from image_assets.inputs.image import Inputs
from image_assets.inputs.settings import Settings
from image_assets.inputs.wording import listed, nearest
from image_assets.plan.plan import main_context, source_in_git
from image_assets.reference import familiar

#: What decides which stages there are.
_DECISIVE = ("target", "directory", "file", "dockerfileInline", "builder", "buildContexts", "buildArgs")


def missing_stage(inputs: Inputs, settings: Settings) -> str:
    """Say that there is no stage of the target's name, and what there is; empty if there is one, or nobody can say."""
    target = inputs.target
    if target is None or inputs.unknown_in(*_DECISIVE) or source_in_git(inputs):
        return ""
    from image_assets.context.bases import stage_names  # noqa: PLC0415 - few images have a target
    from image_assets.context.scope.words import UnjudgeableError  # noqa: PLC0415 - as above

    try:
        names = stage_names(dockerfile_content(main_context(inputs, settings)), inputs.build_args)
    except (UnjudgeableError, InputError):
        return ""
    replaced = {familiar(name) for name in inputs.build_contexts}
    if target.lower() in {*names, *replaced} or (target.isdecimal() and int(target) < len(names)):
        return ""
    known = list(filter(None, names))
    advice = nearest(target, known) or listed(known) or "; name one by `FROM image AS name`"
    return f'target: the Dockerfile has no stage "{target}"{advice}'
