"""Arguments that the benchmarks' command lines have in common."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path


def positive(text: str) -> int:
    """An int of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def output_file(text: str) -> Path:
    """A path that can be written, told before hours of work."""
    path = Path(text)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is no file in an existing folder")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written")
    return path


def check_known(
    parser: argparse.ArgumentParser, names: list[str], known: Iterable[str]
) -> None:
    """End the program if a name is not among the known ones."""
    unknown = sorted(set(names) - set(known))
    if unknown:
        parser.error(f"{unknown[0]!r} is none of {', '.join(known)}")
