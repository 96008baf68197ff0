"""Three sites teach each other by files, and no site reads another's rows.

Each site is a process with a folder of its own, `<site>/rows.npz`. What it gives away
is in the folder `exchange`: its model (skops, which runs nothing that is not trusted)
and its lessons (`Lessons.save`). At the end the same is done on one machine with
``fit(sites=...)``; the students are the same.

    python -m pip install skops
    python docs/examples/three_sites.py FOLDER

FOLDER must not exist. The rows are those of scikit-learn's digits 0, 1 and 2; each site
has two of them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import skops.io
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB

from sklearn_coopkd import CooperativeDistiller, Lessons, learn, make_lessons

SITES = ["north", "south", "west"]


def member():
    """The learner of every site."""
    return GaussianNB(var_smoothing=0.01)


def own_rows(folder, site):
    """What only the site itself may read."""
    with np.load(folder / site / "rows.npz") as rows:
        return rows["X"], rows["y"]


def model_of(folder, site):
    """A model from the exchange."""
    return skops.io.load(folder / "exchange" / f"{site}.skops")


# --- what a site does -----------------------------------------------------------------


def fit(folder, site):
    """Step 1: fit a model with own rows and give it away."""
    model = member().fit(*own_rows(folder, site))
    skops.io.dump(model, folder / "exchange" / f"{site}.skops")


def teach(folder, site):
    """Step 2: make lessons from own rows, by every model for every other one."""
    X, y = own_rows(folder, site)
    for student in SITES:
        for teacher in SITES:
            if teacher == student:
                continue
            lessons = make_lessons(
                # the own model must not judge rows that it was fitted with
                member()
                if teacher == site
                else FrozenEstimator(model_of(folder, teacher)),
                member() if student == site else model_of(folder, student),
                *(X, y),
                random_state=0,
            )
            report = lessons.privacy_report(X)
            if report["n_copies"]:
                raise RuntimeError(f"{site}: a lesson holds rows: {report}")
            name = f"for {student} by {teacher} at {site}.zip"
            lessons.save(folder / "exchange" / name)


def study(folder, site):
    """Step 3: learn from the lessons of all sites."""
    paths = sorted((folder / "exchange").glob(f"for {site} *.zip"))
    lessons = [Lessons.load(path) for path in paths]
    student = learn(member(), *own_rows(folder, site), lessons)
    skops.io.dump(student, folder / site / "student.skops")


STEPS = {"fit": fit, "teach": teach, "study": study}

# --- the demonstration ----------------------------------------------------------------


def main(folder):
    """Run the steps of all sites, each in a process of its own, and compare."""
    X, y = load_digits(return_X_y=True)
    rows = np.flatnonzero(y < 3)
    X, y = X[rows], y[rows]
    rng = np.random.RandomState(0)
    owner, train = (y + rng.randint(1, 3, len(y))) % 3, rng.rand(len(y)) < 0.7
    (folder / "exchange").mkdir(parents=True)
    for k, site in enumerate(SITES):
        (folder / site).mkdir()
        mine = train & (owner == k)
        np.savez(folder / site / "rows.npz", X=X[mine], y=y[mine])
    for step in STEPS:
        running = [
            subprocess.Popen([sys.executable, __file__, str(folder), step, site])
            for site in SITES
        ]
        if any(process.wait() for process in running):
            raise SystemExit(f"The step {step!r} failed.")
    together = CooperativeDistiller(
        [(site, member()) for site in SITES],
        max_iter=1,
        validation=None,
        combine="vote",
        random_state=0,
    ).fit(X[train], y[train], sites=np.array(SITES)[owner[train]])
    for site in SITES:
        before = model_of(folder, site)
        after = skops.io.load(folder / site / "student.skops")
        one = after.predict_proba(X)
        two = together.named_estimators_[site].predict_proba(X)
        print(
            f"{site}: accuracy {before.score(X[~train], y[~train]):.3f} -> "
            f"{after.score(X[~train], y[~train]):.3f}, as with sites=: "
            f"{np.allclose(one, two, atol=1e-6)}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="made by this program")
    # what the program calls itself with, once for each site
    parser.add_argument("step", nargs="?", choices=list(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("site", nargs="?", choices=SITES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.site is not None:
        STEPS[arguments.step](arguments.folder, arguments.site)
    elif arguments.folder.exists():
        parser.error(f"{str(arguments.folder)!r} exists; name a new folder")
    else:
        main(arguments.folder)
