"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4


def check_file(path: str | os.PathLike[str], name: str) -> str:
    """The file that a path leads to, through links.

    Parameters
    ----------
    path : str or path-like
        A file that is there is to be replaced.

    name : str
        Of the parameter, for errors.

    Raises
    ------
    IsADirectoryError
        If it is a folder.

    FileNotFoundError
        If its folder does not exist.

    OSError
        If it is no regular file: a device or a pipe cannot be replaced.
    """
    target = os.path.realpath(path)
    if os.path.isdir(target):
        raise IsADirectoryError(f"{name} must be a file; got the folder {path}.")
    if not os.path.isdir(os.path.dirname(target)):
        raise FileNotFoundError(f"{name} must be in a folder that exists; got {path}.")
    if os.path.exists(target) and not os.path.isfile(target):
        raise OSError(f"{name} must be a file; got the device or pipe {path}.")
    return target


@contextmanager
def written_whole(path: str | os.PathLike[str], name: str) -> Iterator[str]:
    """A path to write to, beside a file; it becomes the file if nothing is raised."""
    target = check_file(path, name)
    temporary = f"{target}.{uuid4().hex}.part"
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        with suppress(OSError):
            os.remove(temporary)
