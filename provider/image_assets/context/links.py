"""Which symbolic links stand for what they lead to."""

from image_assets.context.spec import FollowSymlinks


class Links:
    """The policy of one context.

    Args:
        mode: The user's choice.
        root: The context's directory, links resolved.
    """

    def __init__(self, mode: FollowSymlinks, root: str) -> None:
        self.never = mode == "never"
        self._mode = mode
        self._root = root
