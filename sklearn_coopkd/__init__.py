"""Cooperative knowledge distillation for scikit-learn."""

from sklearn_coopkd._classifier import CooperativeDistiller
from sklearn_coopkd._exchange import learn, make_lessons
from sklearn_coopkd._regressor import CooperativeDistillerRegressor
from sklearn_coopkd._transport import Lessons
from sklearn_coopkd._version import __version__
from sklearn_coopkd.generators import (
    GeneratedSamples,
    InterpolationGenerator,
    QuintessentialGenerator,
    RawGenerator,
)

__all__ = [
    "CooperativeDistiller",
    "CooperativeDistillerRegressor",
    "GeneratedSamples",
    "InterpolationGenerator",
    "Lessons",
    "QuintessentialGenerator",
    "RawGenerator",
    "__version__",
    "learn",
    "make_lessons",
]
