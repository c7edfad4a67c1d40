"""Scores by the size of the code."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_aecnn import CodeSizeDisplay


def test_scores_are_cross_validated(autoencoder, table):
    """Each size has the scores of cross_val_score, drawn as their mean and deviation."""
    model, cv = autoencoder(), KFold(2)
    display = CodeSizeDisplay.from_estimator(model, table, code_sizes=[1, 3], cv=cv)
    expected = [
        cross_val_score(clone(model).set_params(encoding_dim=size), table, cv=cv) for size in (1, 3)
    ]
    np.testing.assert_array_equal(display.scores, expected)
    line = display.errorbar_[0]
    np.testing.assert_array_equal(line.get_xdata(), [1, 3])
    np.testing.assert_allclose(line.get_ydata(), np.mean(expected, axis=1))
    assert display.ax_.get_ylabel() == "R² of the reconstruction"
    assert display.ax_.get_xlabel() == "units of the code"
    assert display.errorbar_.get_label() == "AutoencoderTransformer"


def test_predictors_are_scored_as_such(classifier, regressor, images, labels):
    """The axis says what the score of a classifier, a regressor or a scorer is."""
    kwargs = {"code_sizes": [2], "cv": 2}
    model = classifier(backend_input="code")
    display = CodeSizeDisplay.from_estimator(model, images, labels, **kwargs)
    assert display.score_name == "accuracy"
    display = CodeSizeDisplay.from_estimator(
        model, images, labels, scoring="neg_log_loss", **kwargs
    )
    assert display.score_name == "neg log loss"
    model = regressor(max_epochs=1)
    display = CodeSizeDisplay.from_estimator(model, images, labels + 0.5, **kwargs)
    assert display.score_name == "R² of the prediction"


def test_pipelines_and_several_curves(autoencoder, images):
    """The last step of a pipeline has the parameter; curves on the same axes differ in colour."""
    rows = images.reshape(40, 30)
    pipe = make_pipeline(StandardScaler(), autoencoder())
    one = CodeSizeDisplay.from_estimator(pipe, rows, code_sizes=[1, 2], cv=2)
    ratio = PCA(16).fit(rows).explained_variance_ratio_
    two = CodeSizeDisplay.from_explained_variance(
        ratio, name="PCA", ax=one.ax_, errorbar_kwargs={"ls": ":"}
    )
    assert two.ax_ is one.ax_
    np.testing.assert_allclose(two.errorbar_[0].get_ydata(), np.cumsum(ratio))
    assert one.errorbar_[0].get_color() != two.errorbar_[0].get_color()
    assert two.errorbar_[0].get_linestyle() == ":"
    assert two.ax_.get_xscale() == "log"


def test_one_fit_tells_all_sizes(autoencoder, table):
    """The ratio of a nested autoencoder, summed up, is R² by size."""
    ratio = autoencoder(nested=True, encoding_dim=4).fit(table).explained_variance_ratio_
    _, ax = plt.subplots()
    display = CodeSizeDisplay.from_explained_variance(ratio, ax=ax)
    np.testing.assert_array_equal(display.code_sizes, [1, 2, 3, 4])
    np.testing.assert_allclose(display.scores[:, 0], np.cumsum(ratio))
    assert ax.get_legend() is None


def test_an_error_of_a_fit_is_raised(autoencoder, table):
    """A size that cannot be fitted raises the estimator's error, not a warning."""
    with pytest.raises(ValueError, match="encoding_dim"):
        CodeSizeDisplay.from_estimator(autoencoder(), table, code_sizes=[0], cv=2)
