"""The default final estimators: what each member's answers are worth."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from sklearn_coopkd._calibration import PROBA_FLOOR
from sklearn_coopkd._pool import fit_linear_pool, fit_pool, log_pool

# Probabilities are floored here before logistic regression gets their logarithms: a
# lower floor only lets single columns grow.
LOG_FLOOR = 1e-3


class PooledLogisticRegression(ClassifierMixin, BaseEstimator):
    """Logistic regressions, pooled with a weighted geometric mean of the members.

    The answer is the geometric mean of three:

    - logistic regression on the members' probabilities, as in
      :class:`sklearn.ensemble.StackingClassifier`;
    - logistic regression on their logarithms (of two classes, the log-odds; else less
      their mean over classes). Both have a coefficient for every column and class: they
      can mend what members get wrong systematically, and need rows for it;
    - the logarithmic opinion pool, with one weight a member, the same for all classes:
      ``p(k) ~ prod_i p_i(k) ** w_i``, with weights of the least log-loss.

    Parameters
    ----------
    classes : array-like of shape (n_classes,), default=None
        Labels that the columns stand for, sorted; None: those in y.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels in y.

    logistic_ : LogisticRegression
        The one on probabilities.

    log_logistic_ : LogisticRegression
        The one on their logarithms.

    pool_weights_ : ndarray of shape (n_members,)
        The weights `w_i`; not negative.

    Notes
    -----
    X has one column for each member and class, member by member; of two classes the
    second alone, as :class:`sklearn.ensemble.StackingClassifier` gives it.

    References
    ----------
    Heskes, "Selecting Weighting Factors in Logarithmic Opinion Pools", NIPS 1997.
    Kull et al., "Beyond temperature scaling", NeurIPS 2019: logistic regression on
    logarithms of the probabilities of a single model.
    """

    def __init__(self, classes: Any = None):
        self.classes = classes

    def fit(self, X, y, sample_weight=None):
        """Fit all three.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_members * n_columns)

        y : array-like of shape (n_samples,)

        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : PooledLogisticRegression
        """
        self.logistic_ = LogisticRegression(max_iter=1000).fit(X, y, sample_weight)
        self.classes_ = self.logistic_.classes_
        proba = self._proba(X)
        self.log_logistic_ = LogisticRegression(max_iter=1000).fit(
            _log_columns(proba), y, sample_weight
        )
        y_idx = np.searchsorted(self.classes_, y)
        self.pool_weights_ = fit_pool(proba, y_idx, sample_weight)
        return self

    def _proba(self, X):
        """The members' probabilities, (n_members, n_rows, n_classes)."""
        X = np.asarray(X, dtype=np.float64)
        labels = self.classes_ if self.classes is None else np.asarray(self.classes)
        if len(labels) == 2:
            proba = np.stack([1.0 - X, X], axis=2).transpose(1, 0, 2)
        else:
            proba = X.reshape(len(X), -1, len(labels)).transpose(1, 0, 2)
        return proba[:, :, np.isin(labels, self.classes_)]

    def predict_log_proba(self, X):
        """Predict logarithms of probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_members * n_columns)

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        proba = self._proba(X)
        of_both = [
            self.logistic_.predict_proba(X),
            self.log_logistic_.predict_proba(_log_columns(proba)),
        ]
        logistic = np.log(np.maximum(of_both, PROBA_FLOOR)).sum(axis=0)
        pooled = log_pool(proba, self.pool_weights_)
        return log_softmax((logistic + pooled) / 3, axis=1)

    def predict_proba(self, X):
        """Predict probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_members * n_columns)

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
        """
        return np.exp(self.predict_log_proba(X))

    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_members * n_columns)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        log_proba = self.predict_log_proba(X)
        return self.classes_[log_proba.argmax(axis=1)]

    def decision_function(self, X):
        """Log-odds of the second of two classes, or the logarithms of probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_members * n_columns)

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        log_proba = self.predict_log_proba(X)
        if len(self.classes_) == 2:
            return log_proba[:, 1] - log_proba[:, 0]
        return log_proba


class LinearPoolRegressor(RegressorMixin, BaseEstimator):
    """A weighted sum of the members' predictions, with weights that are not negative.

    Weights of the least squared error, drawn toward equal ones. Members that predict
    nearly the same cannot get large weights of opposite sign, as ridge regression gives
    them, and one that is far off has next to none. A row counts by one over the typical
    error of rows with similar predictions, so that the few largest numbers do not
    decide alone; see `_pool`.

    Attributes
    ----------
    weights_ : ndarray of shape (n_members,)
        One for each column; not negative.

    center_ : float
        The mean of y, of rows that count as said: what is weighted is a prediction's
        distance from it.

    References
    ----------
    Breiman, "Stacked Regressions", Machine Learning 24, 1996.
    """

    def fit(self, X, y, sample_weight=None):
        """Fit the weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_members)

        y : array-like of shape (n_samples,)

        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : LinearPoolRegressor
        """
        self._pool = fit_linear_pool(np.asarray(X).T, np.asarray(y), sample_weight)
        self.weights_, self.center_ = self._pool.weights, self._pool.center
        return self

    def predict(self, X):
        """Predict numbers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_members)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self._pool(np.asarray(X, dtype=np.float64).T)


def _log_columns(proba):
    """Logarithms of probabilities as columns, (n_rows, n_columns)."""
    log_proba = np.log(np.maximum(proba, LOG_FLOOR))
    if log_proba.shape[2] == 2:
        return (log_proba[..., 1] - log_proba[..., 0]).T
    centred = log_proba - log_proba.mean(axis=2, keepdims=True)
    return centred.transpose(1, 0, 2).reshape(centred.shape[1], -1)
