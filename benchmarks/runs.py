"""Long runs: results as lines of JSON, kept as they come; a stopped run goes on."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn

import sklearn_coopkd


def read(path: Path, is_result: Callable[[dict], bool]) -> list[dict]:
    """Records of a file; lines that are cut off or something else are dropped."""
    records = []
    text = path.read_text(errors="replace") if path.is_file() else ""
    for line in text.splitlines():
        with suppress(json.JSONDecodeError):
            record = json.loads(line)
            if isinstance(record, dict) and "versions" in record and is_result(record):
                records.append(record)
    return records


def resume(
    parser: argparse.ArgumentParser, path: Path, is_result: Callable[[dict], bool]
) -> list[dict]:
    """What a file has from an earlier run; ends the program if it is another file."""
    text = path.read_text(errors="replace") if path.exists() else ""
    found = read(path, is_result)
    if text.count("\n") > len(found):
        parser.error(f"{str(path)!r} holds other lines than results; name another file")
    if text and not text.endswith("\n"):  # cut off: must not swallow the next line
        path.write_text(text[: text.rfind("\n") + 1])
    return found


def timed(call: Callable, *arguments: Any) -> tuple[Any, float]:
    """What a call returns, and the CPU time that it took."""
    started = time.process_time()
    found = call(*arguments)
    return found, time.process_time() - started


def versions() -> dict[str, str]:
    """What the figures of a run depend on."""
    return {
        "sklearn_coopkd": sklearn_coopkd.__version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def work(run: Callable[..., dict], tasks: list[tuple], path: Path, n_jobs: int) -> None:
    """Run the tasks, `run(*task)`; each record is written when it is there."""
    started, about = time.perf_counter(), {"versions": versions()}
    parallel = joblib.Parallel(n_jobs, return_as="generator_unordered")
    jobs = (joblib.delayed(_named)(run, task) for task in tasks)
    try:
        for count, (name, record) in enumerate(parallel(jobs), 1):
            with path.open("a") as file:
                file.write(json.dumps(record | about) + "\n")
            seconds = time.perf_counter() - started
            print(f"{count}/{len(tasks)} {name} ({seconds:.0f} s)", flush=True)
    except KeyboardInterrupt:
        sys.exit(f"\nStopped; the same command goes on with {path}.")


def run_all(
    parser: argparse.ArgumentParser,
    run: Callable[..., dict],
    tasks: list[tuple],
    path: Path,
    n_jobs: int,
    is_result: Callable[[dict], bool],
    key_of: Callable[[dict], tuple],
) -> list[dict]:
    """Run the tasks that a file has no record of, and return all records of it."""
    done = {key_of(record) for record in resume(parser, path, is_result)}
    work(run, [task for task in tasks if task not in done], path, n_jobs)
    return read(path, is_result)


def _named(run, task):
    return " ".join(map(str, task)), run(*task)
