"""Long runs: results as lines of JSON, kept as they come; a stopped run goes on."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
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
    text = path.read_text(errors="replace") if path.is_file() else ""
    return [record for record in _records(text) if is_result(record)]


def _records(text):
    records = []
    for line in text.splitlines():
        with suppress(json.JSONDecodeError):
            record = json.loads(line)
            if isinstance(record, dict) and "versions" in record:
                records.append(record)
    return records


def resume(
    parser: argparse.ArgumentParser, path: Path, is_result: Callable[[dict], bool]
) -> list[dict]:
    """What a file has from an earlier run; ends the program if it is another file."""
    text = path.read_text(errors="replace") if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    n_results = sum(is_result(record) for record in _records(whole))
    if whole.count("\n") > n_results:
        parser.error(f"{str(path)!r} holds other lines than results; name another file")
    if text != whole:  # a line that was cut off must not swallow the next one
        path.write_text(whole)
    return read(path, is_result)


def timed(call: Callable, *arguments: Any) -> tuple[Any, float]:
    """What a call returns, and the CPU time that it took."""
    started = time.process_time()
    found = call(*arguments)
    return found, time.process_time() - started


def versions() -> dict[str, str]:
    """What the figures of a run depend on; in a checkout with the commit."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always"]
    done = subprocess.run([*command, "--dirty"], capture_output=True, text=True)
    commit = {"commit": done.stdout.strip()} if done.returncode == 0 else {}
    return {
        "sklearn_coopkd": sklearn_coopkd.__version__,
        **commit,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def versions_of(records: list[dict]) -> str:
    """The versions that records were made with, as a line."""
    found = sorted({json.dumps(record["versions"]) for record in records})
    return "Versions: " + "; ".join(found)


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
    """Run the tasks that a file has no record of, and return the records of all."""
    done = {key_of(record) for record in resume(parser, path, is_result)}
    work(run, [task for task in tasks if task not in done], path, n_jobs)
    records = read(path, is_result)
    return [record for record in records if key_of(record) in tasks]


def _named(run, task):
    return " ".join(map(str, task)), run(*task)
