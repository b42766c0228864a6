"""`scope: dockerfile`: of the entries that reach the builder, only those that the Dockerfile can take count (R9).

The judgement errs on the wide side: a wildcard takes all names it could match, `--exclude` takes nothing away, and what
is built for several platforms, or on a builder of unknown platform, takes what any of them does. A Dockerfile is read
only as far as it is plain; where escapes or values that are not known could change what it means, the whole context
counts, and a notice says why. An `ONBUILD` of a base image is seen where the base images are pinned, as then they are
looked up; elsewhere it is not.
"""

from image_assets.context.scope.level import Scope, narrowed
from image_assets.context.spec import ContextSpec

__all__ = ["Scope", "judge_scope", "narrowed"]


def judge_scope(spec: ContextSpec, root: str) -> Scope:
    """Find out what the Dockerfile can take, if the program wants that.

    Raises:
        InputError: The Dockerfile cannot be read.
    """
    if spec.scope != "dockerfile" or spec.dockerfile is None:
        return Scope()
    from image_assets.context.scope import judge  # noqa: PLC0415 - few programs want it, every start would pay for it

    return judge.judge_scope(spec, root)
