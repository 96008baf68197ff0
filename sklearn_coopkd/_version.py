"""The version, alone, so that building the package reads it here."""

__version__ = "0.1.0"
