"""Errors and the threshold."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from sk_aecnn import ReconstructionErrorDisplay


def heights(polygon):
    """Return the heights of the bins of a stepped outline."""
    return polygon.get_xy()[1 : 2 * 10 + 1 : 2, 1]


def test_a_detector_has_a_threshold(detector, table):
    """Errors are minus the scores, the threshold is where predict changes its mind."""
    model = detector(contamination=0.1).fit(table)
    display = ReconstructionErrorDisplay.from_estimator(model, table)
    np.testing.assert_array_equal(display.errors, -model.score_samples(table))
    assert display.threshold_line_.get_xdata() == [-model.offset_, -model.offset_]
    share = np.mean(model.predict(table) == -1)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert f"samples ({share:.1%} beyond)" in texts


def test_each_label_has_a_histogram_of_shares(autoencoder, images, labels):
    """The bins of every label add up to one, however many samples it has."""
    model = autoencoder().fit(images)
    y = np.where(np.arange(40) < 4, "few", "many")
    display = ReconstructionErrorDisplay.from_estimator(model, images, y, n_bins=10)
    assert display.threshold_line_ is None
    assert len(display.histograms_) == 2
    for (polygon,) in display.histograms_:
        assert heights(polygon).sum() == pytest.approx(1)
    np.testing.assert_allclose(display.errors, model.reconstruction_error(images))
    assert display.ax_.get_xlabel() == "mean squared reconstruction error"


def test_wide_distributions_have_a_logarithmic_axis():
    """From a factor of fifty on, the axis is logarithmic; with zeros it is not."""
    assert ReconstructionErrorDisplay.from_errors([1, 2, 49]).ax_.get_xscale() == "linear"
    assert ReconstructionErrorDisplay.from_errors([1, 2, 51]).ax_.get_xscale() == "log"
    assert ReconstructionErrorDisplay.from_errors([0, 2, 51]).ax_.get_xscale() == "linear"


def test_errors_are_one_a_sample(table):
    """Errors of features, or labels of another number, are refused."""
    with pytest.raises(ValueError, match=r"errors has shape \(40, 5\). Pass one error a sample"):
        ReconstructionErrorDisplay.from_errors(table)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ReconstructionErrorDisplay.from_errors([1.0, 2.0], [0])


def test_other_detectors_and_axes(table):
    """Any detector of scikit-learn can stand on the same axes, with arguments for artists."""
    _, ax = plt.subplots()
    forest = IsolationForest(n_estimators=5, random_state=0).fit(table)
    display = ReconstructionErrorDisplay.from_estimator(
        forest, table, ax=ax, hist_kwargs={"ec": "red"}, line_kwargs={"ls": "-"}
    )
    assert display.ax_ is ax
    assert display.threshold == -forest.offset_
    assert display.histograms_[0][0].get_edgecolor() == (1, 0, 0, 1)
    assert display.threshold_line_.get_linestyle() == "-"


def test_equal_errors_are_drawn():
    """Samples that all have one error have a histogram, too."""
    display = ReconstructionErrorDisplay.from_errors(np.ones(5), threshold=2.0)
    assert heights(display.histograms_[0][0]).sum() <= 1
    assert display.ax_.get_xlim()[1] >= 2.0
