"""Pictures and tables of what the members of a fitted distiller taught each other."""

from sklearn_coopkd.inspection._changes import lesson_changes
from sklearn_coopkd.inspection._history import HistoryDisplay
from sklearn_coopkd.inspection._lesson import LessonDisplay
from sklearn_coopkd.inspection._transfer import TransferDisplay

__all__ = ["HistoryDisplay", "LessonDisplay", "TransferDisplay", "lesson_changes"]
