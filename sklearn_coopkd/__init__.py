"""Cooperative knowledge distillation for scikit-learn."""

from sklearn_coopkd._distiller import CooperativeDistiller
from sklearn_coopkd.generators import (
    GeneratedSamples,
    InterpolationGenerator,
    QuintessentialGenerator,
    RawGenerator,
)

__version__ = "0.1.0"

__all__ = [
    "CooperativeDistiller",
    "GeneratedSamples",
    "InterpolationGenerator",
    "QuintessentialGenerator",
    "RawGenerator",
]
