"""Pseudo-samples: one file per generator, and the protocol they share."""

from sklearn_coopkd.generators._base import GeneratedSamples
from sklearn_coopkd.generators._quintessential import QuintessentialGenerator

__all__ = ["GeneratedSamples", "QuintessentialGenerator"]
