"""Fit scikit-learn's TfidfVectorizer and a linear model, and take their numbers out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from edgemin.core.errors import EdgeminError
from edgemin.methods.floor import Fitted, Rows

if TYPE_CHECKING:
    from edgemin.methods.baselines.tfidf import Tfidf

log = logging.getLogger(__name__)
_ITERATIONS = 5000


def fit(settings: Tfidf, rows: Rows) -> Fitted:
    """`terms` by index (V), and arrays: `idf` (V,), `weight` (1 or K, V for each text of a row), `bias` (1 or K,). Of two classes there is one
    row, the logit of the second.

    Raises EdgeminError if no term is in enough training rows.
    """
    vectorizer = fitted_vectorizer(settings, rows)
    train, validation = (features(vectorizer, rows, split) for split in ("train", "validation"))
    losses, models = {}, {}
    for strength in settings.inverse_strengths:
        model = linear(rows, strength).fit(train, rows.labels("train"))
        losses[strength], models[strength] = loss(model, rows, validation), model
    chosen = min(losses, key=lambda strength: losses[strength])
    log.info("tfidf: %d terms, C %g of least loss on validation, %.4f", len(vectorizer.vocabulary_), chosen, losses[chosen])
    terms = [str(term) for term in vectorizer.get_feature_names_out()]
    values = {"terms": terms, "words": settings.words, "inverse_strength": chosen, "validation_losses": list(losses.values())}
    weight, bias = np.atleast_2d(models[chosen].coef_), np.atleast_1d(models[chosen].intercept_)
    return Fitted(values, {"idf": vectorizer.idf_, "weight": weight, "bias": bias})


def fitted_vectorizer(settings: Tfidf, rows: Rows) -> Any:
    """Of all training texts, the second texts of pairs included."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(ngram_range=(1, settings.words), min_df=settings.min_rows, sublinear_tf=True)
    try:
        return vectorizer.fit([text for column in rows.columns for text in rows.texts("train", column)])
    except ValueError:  # so says scikit-learn of an empty vocabulary
        raise EdgeminError(
            f"baselines: tfidf: no word is in {settings.min_rows} training texts (`min_rows`), so there is nothing to weigh; lower it, or drop tfidf"
        ) from None


def features(vectorizer: Any, rows: Rows, split: str) -> Any:
    """Sparse (N, V for each text of a row)."""
    from scipy.sparse import hstack

    return hstack([vectorizer.transform(rows.texts(split, column)) for column in rows.columns], format="csr")


def linear(rows: Rows, strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    if rows.classes is None:
        return Ridge(alpha=1 / (2 * strength))
    return LogisticRegression(C=strength, max_iter=_ITERATIONS)


def loss(model: Any, rows: Rows, validation: Any) -> float:
    """Mean negative log-likelihood of the labels, or mean squared error."""
    labels = rows.labels("validation")
    if rows.classes is None:
        return float(np.square(model.predict(validation) - labels).mean())
    place = {label: column for column, label in enumerate(model.classes_)}
    columns = np.array([place[label] for label in labels])
    return float(-model.predict_log_proba(validation)[np.arange(len(labels)), columns].mean())
