"""Pseudo-samples: one file per generator, and the protocol they share."""

from sklearn_coopkd.generators._base import GeneratedSamples
from sklearn_coopkd.generators._interpolation import InterpolationGenerator
from sklearn_coopkd.generators._quintessential import QuintessentialGenerator
from sklearn_coopkd.generators._raw import RawGenerator

__all__ = [
    "GeneratedSamples",
    "InterpolationGenerator",
    "QuintessentialGenerator",
    "RawGenerator",
]
