"""Private scikit-learn names, and those that only some versions have, in one place.

Every name of scikit-learn that starts with an underscore, or lives in a private
module, is imported here and nowhere else, so that a new scikit-learn release can
break at most this file.
"""

from sklearn.base import _fit_context
from sklearn.ensemble._base import _BaseHeterogeneousEnsemble
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.metrics._scorer import _BaseScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import _safe_indexing
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils._repr_html.estimator import _VisualBlock
from sklearn.utils.metadata_routing import (
    _raise_for_params,
    _routing_enabled,
)
from sklearn.utils.validation import (
    _check_feature_names_in,
    _check_method_params,
    _check_sample_weight,
    _num_samples,
)

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before scikit-learn 1.9

    class _NoCallbacks:
        """An estimator without callbacks."""

    CallbackSupportMixin = _NoCallbacks

    def with_callbacks(method):
        """Leave a method as it is."""
        return method


__all__ = [
    "BaseHeterogeneousEnsemble",
    "BaseScorer",
    "BaseSearchCV",
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "LinearClassifierMixin",
    "StrOptions",
    "VisualBlock",
    "callback_context",
    "check_feature_names_in",
    "check_matplotlib_support",
    "check_parameters",
    "check_sample_weight",
    "fit_context",
    "index_params",
    "num_samples",
    "raise_for_params",
    "routing_enabled",
    "safe_indexing",
    "with_callbacks",
]

BaseHeterogeneousEnsemble = _BaseHeterogeneousEnsemble
BaseScorer = _BaseScorer
VisualBlock = _VisualBlock
check_feature_names_in = _check_feature_names_in
check_parameters = validate_parameter_constraints
check_sample_weight = _check_sample_weight
fit_context = _fit_context
index_params = _check_method_params
num_samples = _num_samples
raise_for_params = _raise_for_params
routing_enabled = _routing_enabled
safe_indexing = _safe_indexing


def callback_context(estimator, n_parts):
    """The task of a fit of so many parts (None: unknown); None if nobody watches it."""
    if not hasattr(estimator, "_init_callback_context"):
        return None
    context = estimator._init_callback_context(max_subtasks=n_parts)
    return context if getattr(estimator, "_skl_callbacks", None) else None
