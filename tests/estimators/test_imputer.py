"""The imputer: what is missing is told from the rest, what is known stays as it is."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_matrix
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sk_aecnn import AutoencoderImputer
from sk_aecnn.lifecycle import _autoencoder_net

SMALL = {"encoding_dim": 2, "hidden_layer_sizes": (16,), "lr": 0.01, "random_state": 0}


@pytest.fixture
def holes():
    """200 rows of 4 columns that follow from one number, and the same with a fifth missing."""
    rng = np.random.default_rng(0)
    full = rng.normal(size=(200, 1)) * [1.0, 2.0, -1.0, 0.5] + 0.1 * rng.normal(size=(200, 4)) + 5
    return full, np.where(rng.random(full.shape) < 0.2, np.nan, full)


def test_what_is_missing_is_told_from_the_rest(holes):
    """Errors are a quarter of those of the mean; known values are the same to the last bit."""
    full, X = holes
    missing = np.isnan(X)
    filled = AutoencoderImputer(**SMALL).fit_transform(X)
    mean = SimpleImputer().fit_transform(X)
    error, expected = (np.sqrt(np.square(rows - full)[missing].mean()) for rows in (filled, mean))
    assert error < expected / 4
    np.testing.assert_array_equal(filled[~missing], X[~missing])


@pytest.mark.parametrize("library", [pd, pl])
def test_frames_come_back_with_their_holes_filled(library):
    """Columns, dtypes and known values are those of X, rare categories among them."""
    frame = library.DataFrame(
        {
            "size": ["small", None, "large", "large"] * 20,
            "length": [1.0, 1.1, None, 9.0] * 20,
            "name": [f"n{index}" for index in range(79)] + [None],
        }
    )
    imputer = AutoencoderImputer(**SMALL, max_epochs=200, max_categories=3).fit(frame)
    filled = imputer.transform(frame)
    assert type(filled) is type(frame)
    assert list(filled["size"]) == ["small", "small", "large", "large"] * 20
    assert list(filled["name"])[:79] == list(frame["name"])[:79]
    assert list(filled["name"])[79] in list(frame["name"])
    lengths = np.array(list(filled["length"]))
    assert np.abs(lengths[2::4] - 9).max() < 2
    assert list(imputer.get_feature_names_out()) == ["size", "length", "name"]


@pytest.mark.parametrize("library", [None, pd, pl], ids=["array", "pandas", "polars"])
def test_indicators_tell_where_values_were_missing(holes, library):
    """One for each column with missing values in fit, after all others, named by it."""
    X = holes[1].copy()
    X[:, 0] = holes[0][:, 0]
    names = ["a", "b", "c", "d"]
    given = X if library is None else library.DataFrame(dict(zip(names, X.T, strict=True)))
    imputer = AutoencoderImputer(**SMALL, max_epochs=1, add_indicator=True).fit(given)
    filled = imputer.transform(given)
    np.testing.assert_array_equal(np.asarray(filled)[:, 4:], np.isnan(X)[:, 1:])
    if library is not None:
        expected = [*names, *(f"missingindicator_{name}" for name in "bcd")]
        assert list(filled.columns) == expected == list(imputer.get_feature_names_out())


def test_images_and_sequences_are_filled(images):
    """In their shape; indicators have no place there."""
    X = images.astype(np.float32)
    X[::3, 2, 2] = np.nan
    imputer = AutoencoderImputer(**SMALL, conv_channels=(4,), max_epochs=2)
    filled = imputer.fit_transform(X)
    assert filled.shape == X.shape
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[1::3], X[1::3])
    with pytest.raises(ValueError, match="add_indicator=True adds columns to a table"):
        imputer.set_params(add_indicator=True).transform(X)


def test_in_front_of_a_model_that_takes_no_holes(holes):
    """A pipeline fits, predicts and hands out frames where asked to."""
    full, X = holes
    y = full[:, 0] > 5
    pipe = make_pipeline(AutoencoderImputer(**SMALL), LogisticRegression())
    assert pipe.fit(X, y).score(X, y) > 0.9
    frame = (
        AutoencoderImputer(**SMALL, max_epochs=1).set_output(transform="pandas").fit_transform(X)
    )
    assert list(frame.columns) == ["x0", "x1", "x2", "x3"]


def test_a_column_without_a_value(holes):
    """Of numbers it is filled with zeros; of nothing at all, it stays."""
    X = holes[1].copy()
    X[:, 1] = np.nan
    imputer = AutoencoderImputer(**SMALL, max_epochs=1)
    assert (imputer.fit_transform(X)[:, 1] == 0).all()
    frame = pd.DataFrame(X[:, [0, 2]]).assign(nothing=pd.Series([None] * 200, dtype=object))
    frame.columns = ["a", "b", "nothing"]
    assert imputer.fit_transform(frame)["nothing"].isna().all()


def test_a_sparse_matrix_is_refused(holes):
    """It has no place for a missing value."""
    with pytest.raises(ValueError, match=r"X is a sparse matrix.*toarray"):
        AutoencoderImputer().fit(csr_matrix(np.nan_to_num(holes[1])))


def test_half_of_the_epochs_decide_how_far_to_shrink(monkeypatch):
    """A trial on a part of the rows comes before the fit, which takes all of its epochs."""
    lengths, trained = [], _autoencoder_net.train

    def spy(net, options, *others):
        lengths.append(options.max_epochs)
        return trained(net, options, *others)

    monkeypatch.setattr(_autoencoder_net, "train", spy)
    X = np.random.default_rng(0).normal(size=(80, 4)) @ np.ones((4, 4))
    imputer = AutoencoderImputer(2, max_epochs=5, random_state=0).fit(X)
    assert (lengths, imputer.n_iter_) == ([2], 5)
