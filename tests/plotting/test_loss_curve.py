"""Losses by epoch."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_aecnn import LossCurveDisplay


def labels_of(display):
    return [line.get_label() for line in display.lines_]


def test_each_loss_has_a_curve(classifier, images, labels):
    """Curves are those of history_, over epochs from 1."""
    model = classifier(max_epochs=3).fit(images, labels)
    display = LossCurveDisplay.from_estimator(model)
    assert labels_of(display) == ["loss", "classification loss", "reconstruction loss"]
    for line, name in zip(display.lines_, display.losses, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
        curve = [epoch[f"train_{name}"] for epoch in model.history_]
        np.testing.assert_array_equal(line.get_ydata(), curve)
    assert display.ax_.get_xlabel() == "epoch"
    assert display.phase_line_ is display.best_line_ is None


def test_a_single_loss_is_drawn_once(autoencoder, table):
    """Where the total is one loss, it has one curve."""
    display = LossCurveDisplay.from_estimator(autoencoder().fit(table))
    assert labels_of(display) == ["reconstruction loss"]


def test_validation_is_dashed_and_the_kept_epoch_is_marked(classifier, images, labels):
    """Validation losses stand beside those of training, in the same colour."""
    model = classifier(max_epochs=5, early_stopping=True).fit(images, labels)
    display = LossCurveDisplay.from_estimator(model)
    train, held_out = display.lines_[:2]
    assert held_out.get_label() == "loss, validation"
    assert held_out.get_linestyle() == "--"
    assert held_out.get_color() == train.get_color()
    best = 1 + np.argmax(model.validation_scores_)
    assert display.best_line_.get_xdata() == [best, best]


def test_an_autoencoder_keeps_the_lowest_validation_loss(autoencoder, table):
    """Without validation scores, the kept epoch is that of the lowest validation loss."""
    model = autoencoder(max_epochs=5, early_stopping=True).fit(table)
    display = LossCurveDisplay.from_estimator(model)
    best = 1 + np.argmin([epoch["valid_loss"] for epoch in model.history_])
    assert display.best_epoch == best


def test_cross_validated_stopping(classifier, table, labels):
    """With early_stopping="cv", scores begin before training, which is epoch 0."""
    model = classifier(max_epochs="auto", early_stopping="cv").fit(table, labels)
    assert len(model.validation_scores_) == len(model.history_) + 1
    display = LossCurveDisplay.from_estimator(model)
    assert display.best_epoch == np.argmax(model.validation_scores_)


def test_phases_are_marked(classifier, images, labels):
    """Epochs of pretraining come first, with a line at their end."""
    model = classifier(max_epochs=2, pretrain_epochs=3).fit(images, labels)
    display = LossCurveDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.epochs, [1, 2, 3, 4, 5])
    losses = display.losses["reconstruction_loss"]
    np.testing.assert_array_equal(losses[:3], model.pretrain_loss_curve_)
    assert losses[3] == model.history_[0]["train_reconstruction_loss"]
    assert np.isnan(display.losses["classification_loss"][:3]).all()
    assert display.phase_line_.get_xdata() == [3.5, 3.5]


def test_a_frozen_encoder_has_a_reconstruction_loss_in_pretraining_alone(
    classifier, images, labels
):
    """The curve of pretraining is there, too, where the loss is not part of what follows."""
    model = classifier(pretrain_epochs=2, freeze_encoder=True).fit(images, labels)
    losses = LossCurveDisplay.from_estimator(model).losses["reconstruction_loss"]
    np.testing.assert_array_equal(losses[:2], model.pretrain_loss_curve_)
    assert np.isnan(losses[2:]).all()


def test_calls_of_partial_fit_have_one_curve(autoencoder, table):
    """After partial_fit, the total loss of all calls is drawn."""
    model = autoencoder()
    for _ in range(4):
        model.partial_fit(table)
    display = LossCurveDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.epochs, [1, 2, 3, 4])
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), model.loss_curve_)


def test_several_estimators_on_the_same_axes(autoencoder, table):
    """Chosen losses of named estimators differ in colour; a pipeline's last step is drawn."""
    model = make_pipeline(StandardScaler(), autoencoder()).fit(table)
    names = ["reconstruction_loss"]
    one = LossCurveDisplay.from_estimator(model, names=names, estimator_name="one")
    two = LossCurveDisplay.from_estimator(
        model, ax=one.ax_, names=names, estimator_name="two", line_kwargs={"lw": 3}
    )
    assert labels_of(two) == ["two: reconstruction loss"]
    assert one.lines_[0].get_color() != two.lines_[0].get_color()
    assert two.lines_[0].get_linewidth() == 3
    higher = LossCurveDisplay(epochs=two.epochs, losses={"a": [5, 50]}, validation_losses={})
    low, high = higher.plot(one.ax_).ax_.get_ylim()
    assert low == 0
    assert high > 50
    with pytest.raises(ValueError, match="names has an entry 'los', but the losses are recon"):
        one.plot(names=["los"])
