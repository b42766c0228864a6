"""Reading a whole context: small files here and in workers, large ones in threads."""

import contextlib
from concurrent.futures import Executor

from image_assets.context.digests import DigestCache
from image_assets.context.files import Files
from image_assets.context.large_files import LargeFile, LargeFiles
from image_assets.context.part import Answer, Order
from image_assets.context.place import Places
from image_assets.context.reader import Reading, read_listing
from image_assets.context.selection import Selection
from image_assets.context.tree import Tree
from image_assets.context.workers import Workers
from image_assets.errors import InputError
from image_assets.task import Task


def read_context(selection: Selection, pool: Executor, task: Task, cache: DigestCache | None) -> Reading:
    """Read all entries that count.

    Args:
        selection: Which entries those are.
        pool: Reads large files.
        task: Can cancel.
        cache: Knows files that have not changed since they were read; None to read all.

    Raises:
        InputError: An entry cannot be read, or changed meanwhile, or a pattern or link is refused.
    """
    order = Order(selection, cache.path, cache.limit) if cache is not None else Order(selection)
    large = LargeFiles(pool, task)
    with contextlib.ExitStack() as stack:
        stack.callback(large.abandon)
        tree = selection.tree(stack.enter_context(Places()), task)
        workers = stack.enter_context(Workers(order, task))
        return Whole(tree, Files(task, cache, large.add), large).read(workers, cache)


class Whole:
    """One context while it is read.

    Args:
        tree: Its entries.
        files: Reads the small files.
        large: Reads the others.
    """

    def __init__(self, tree: Tree, files: Files, large: LargeFiles) -> None:
        self._tree = tree
        self._files = files
        self._large = large
        self._reading = Reading()

    def read(self, workers: Workers, cache: DigestCache | None) -> Reading:
        """Read all, and tell the cache.

        Raises:
            InputError: See `read_context`.
        """
        paths = [""]
        while paths:
            for listing in self._tree.listings(paths):
                read_listing(listing, self._files, self._reading)
                self._add(workers.exchange(self._tree))
            answers, paths = workers.wait()
            self._add(answers)
        self._reading.records += self._files.records
        self._reading.records.extend(self._large.records(self._files.remember))
        if cache is not None and self._files.found:
            cache.add(self._files.found)
        return self._reading

    def _add(self, answers: list[Answer]) -> None:
        """Take in what workers have read."""
        for answer in answers:
            if answer.problems:
                raise InputError(answer.problems)
            self._reading.add(answer.reading)
            self._files.remember_all(answer.found)
            places = {path: self._tree.place_of(path) for path in {path for path, _, _ in answer.large}}
            for path, name, follow in answer.large:
                self._large.add(LargeFile(places[path], name, path, follow))
