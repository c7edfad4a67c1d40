"""What is shown of a fit while it runs."""

import io
import pickle
import re
from contextlib import redirect_stderr

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, r2_score
from skorch.callbacks import Callback

from sk_aecnn.training import _progress_bar
from sk_aecnn.training._progress_bar import RunningAccuracy, RunningR2


class Log:
    """What is written to the error stream, which is no terminal."""

    def __init__(self, capsys):
        self.capsys = capsys
        self.text = ""

    def getvalue(self):
        """Everything so far."""
        self.text += self.capsys.readouterr().err
        return self.text


@pytest.fixture
def log(capsys):
    """What is written to an error stream that is no terminal."""
    return Log(capsys)


class Terminal(io.StringIO):
    """An error stream that is a terminal."""

    def isatty(self):
        return True


def test_nothing_is_written_by_default(every, table, labels, log):
    """Without ``verbose`` there is not a word."""
    every().fit(table, labels)
    assert log.getvalue() == ""


def test_a_log_has_a_line_for_each_epoch(every, table, labels, log):
    """Where there is no terminal, epochs are counted from 1, each in a line of its own."""
    estimator = every(verbose=1, max_epochs=3).fit(table, labels)
    first, *lines = log.getvalue().splitlines()
    assert first.startswith(f"{type(estimator).__name__}: 40 samples of shape (5,); ")
    assert [line.split(":")[0] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    for line, epoch in zip(lines, estimator.history_, strict=True):
        assert f"train_loss={epoch['train_loss']:.4f}" in line
    assert "\r" not in log.getvalue()


def test_later_calls_count_on(autoencoder, table, log):
    """``partial_fit`` and ``warm_start`` go on counting, and say what they go on from."""
    estimator = autoencoder(verbose=1, warm_start=True).fit(table).partial_fit(table).fit(table)
    lines = log.getvalue().splitlines()
    epochs = [line.split(":")[0] for line in lines if line.startswith("epoch")]
    assert epochs == ["epoch 1/2", "epoch 2/2", "epoch 3/3", "epoch 4/5", "epoch 5/5"]
    assert estimator.n_iter_ == 5
    notes = [line.partition("; goes on after ")[2] for line in lines if "samples" in line]
    assert notes == ["", "2 epochs", "3 epochs"]


def test_a_new_optimizer_is_told_of(autoencoder, table, log):
    """Where training goes on from a file without the optimizer, the line says so."""
    estimator = autoencoder(verbose=1).fit(table)
    pickle.loads(pickle.dumps(estimator)).partial_fit(table)
    assert log.getvalue().count("goes on after 2 epochs with a new optimizer\n") == 1


def test_the_line_says_what_was_decided(classifier, images, labels, log):
    """Shape, network, number of weights, epochs, batch and rate are in the first line."""
    estimator = classifier(verbose=1, max_epochs="auto", batch_size="auto", lr="auto")
    estimator.fit(images, labels)
    first, resolved = log.getvalue().splitlines()[0], estimator.resolved_params_
    for name in ("max_epochs", "batch_size", "lr", "encoder", "conv_channels", "backend"):
        assert f"{name}={resolved[name]!r}" in first
    n_weights = sum(weight.numel() for weight in estimator.net_.module_.parameters())
    assert "40 samples of shape (6, 5), channel_axis=None; " in first
    assert f" {n_weights:,} weights; " in first


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("classifier", ["train_accuracy", "valid_accuracy"]),
        ("cnn_regressor", ["train_r2", "valid_r2"]),
        ("autoencoder", ["train_r2", "valid_r2"]),
        ("variational", []),
    ],
)
def test_scores_are_shown_where_they_are_known(request, table, labels, log, kind, names):
    """Accuracy of classes, R² of numbers and of reconstructions; of training and validation."""
    factory = request.getfixturevalue(kind)
    factory(verbose=1, early_stopping=True).fit(table, labels)
    for line in log.getvalue().splitlines()[1:]:
        assert re.findall(r"(\w+(?:accuracy|r2))=", line) == names
        assert "valid_loss=" in line


def test_the_score_of_validation_samples_is_their_score(classifier, table, labels, log):
    """What is shown of the samples for validation is ``score`` of them."""
    estimator = classifier(verbose=1, early_stopping=True, max_epochs=1)
    estimator.fit(table[:30], labels[:30], X_val=table[30:], y_val=labels[30:])
    expected = estimator.score(table[30:], labels[30:])
    assert f"valid_accuracy={expected:.4f}" in log.getvalue()


def test_unlabeled_samples_are_not_scored(classifier, table, labels, log):
    """The accuracy is that of the samples with a label."""
    y = np.where(np.arange(40) < 20, labels, -1)
    classifier(verbose=1, unlabeled=-1, lr=1e-9, max_epochs=1, batch_size=40).fit(table, y)
    shown = float(re.search(r"train_accuracy=([\d.]+)", log.getvalue())[1])
    assert shown * 20 == pytest.approx(round(shown * 20), abs=1e-3)


def test_a_terminal_has_a_bar(classifier, table, labels):
    """In a terminal, one bar counts steps, and names the epoch that runs, from 1 on."""
    with redirect_stderr(Terminal()) as terminal:
        classifier(verbose=1, batch_size=20).fit(table, labels)
    text = terminal.getvalue()
    assert "epoch 0" not in text
    assert "epoch 1/2" in text
    assert "epoch 2/2: 100%" in text
    assert "4/4" in text
    assert "train_accuracy=" in text
    assert "\nepoch" not in text


def test_a_notebook_has_its_own_bar(autoencoder, table, log, monkeypatch):
    """In a notebook, the bar is the one that tqdm has for it."""
    import tqdm.auto
    from tqdm.notebook import tqdm_notebook

    opened = []

    class Widget(tqdm_notebook):
        def __init__(self, **kwargs):
            opened.append(kwargs)

        def update(self):
            opened.append("step")

        def set_description(self, text):
            opened.append(text)

        def set_postfix(self, shown):
            opened.append(sorted(shown))

        def close(self):
            opened.append("closed")

        def __del__(self):
            pass

    monkeypatch.setattr(tqdm.auto, "tqdm", Widget)
    autoencoder(verbose=1).fit(table)
    known = ["train_loss", "train_r2"]
    assert opened[0]["total"] == 2
    assert opened[1:] == ["epoch 1/2", "step", known, "epoch 2/2", "step", known, "closed"]


def test_an_error_closes_the_bar(autoencoder, table):
    """After an error what is written next begins a line."""
    failing = autoencoder(verbose=1, callbacks=[Failing()])
    with redirect_stderr(Terminal()) as terminal, pytest.raises(ZeroDivisionError):
        failing.fit(table)
    assert "train_loss=" in terminal.getvalue()
    assert terminal.getvalue().endswith("\n")


class Failing(Callback):
    """Raise in the second epoch."""

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise ZeroDivisionError


def test_running_scores_are_those_of_scikit_learn():
    """Batches of any size add up to the score of all."""
    rng = np.random.default_rng(0)
    logits, y = rng.normal(size=(50, 3)), rng.integers(3, size=50)
    targets = rng.normal(size=(50, 2))
    predictions = targets + rng.normal(size=(50, 2))
    accuracy, r2 = RunningAccuracy(), RunningR2()
    assert accuracy.value() is None
    assert r2.value() is None
    for part in (slice(0, 7), slice(7, 50)):
        accuracy.add(torch.from_numpy(logits[part]), torch.from_numpy(y[part]))
        r2.add(torch.from_numpy(predictions[part]), torch.from_numpy(targets[part]))
    assert accuracy.value() == pytest.approx(accuracy_score(y, logits.argmax(1)), abs=1e-12)
    assert r2.value() == pytest.approx(r2_score(targets, predictions), abs=1e-12)


def test_a_constant_target_has_no_score():
    """There is no variance to explain."""
    r2 = RunningR2()
    r2.add(torch.zeros(3, 1), torch.ones(3, 1))
    assert r2.value() is None


def test_bars_are_for_people(log):
    """Into a file nothing is drawn."""
    assert _progress_bar.open_bar(3) is None


def test_progress_is_shown_when_asked_for(small, table, labels, capsys):
    """verbose=1 shows a bar with the losses on the error stream, verbose=0 nothing."""
    small(verbose=0).fit(table, labels)
    assert capsys.readouterr() == ("", "")
    small(verbose=1).fit(table, labels)
    output = capsys.readouterr()
    assert output.out == ""
    assert "train_loss" in output.err
    assert "2/2" in output.err
