"""Sparse tables give what the same tables give dense, one batch at a time."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

FORMATS = {
    "csr array": sparse.csr_array,
    "csc array": sparse.csc_array,
    "coo array": sparse.coo_array,
    "csr matrix": sparse.csr_matrix,
    "csc matrix": sparse.csc_matrix,
    "lil matrix": sparse.lil_matrix,
}
METHODS = [
    "transform",
    "reconstruct",
    "reconstruction_error",
    "score_samples",
    "decision_function",
    "predict",
    "predict_proba",
    "predict_log_proba",
]


@pytest.fixture
def counts():
    """40 rows of 12 counts, most of them 0, of two kinds."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.4, size=(40, 12)).astype(float)
    counts[1::2, :3] += rng.poisson(2, size=(20, 3))
    return counts


def assert_same(dense, X, other, Z, y):
    """Two estimators say the same about dense and sparse rows, to the last bit."""
    for method in METHODS:
        if hasattr(dense, method):
            np.testing.assert_array_equal(
                getattr(other, method)(Z), getattr(dense, method)(X), err_msg=method
            )
    assert other.score(Z, y) == dense.score(X, y) if hasattr(dense, "score") else True


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("batch_size", ["auto", 7])
def test_sparse_rows_are_dense_rows(every, counts, labels, form, batch_size):
    """fit and all that may be asked give the same results bit for bit, in every format."""
    Z = form(counts)
    dense = every(batch_size=batch_size).fit(counts, labels)
    other = every(batch_size=batch_size).fit(Z, labels)
    assert other.loss_curve_ == dense.loss_curve_
    assert_same(dense, counts, other, Z, labels)
    assert_same(dense, counts, dense, Z, labels)
    assert_same(dense, counts, other, counts, labels)


@pytest.mark.parametrize(
    "parameters",
    [
        {"early_stopping": True},
        {"scaling": "feature"},
        {"scaling": None},
        {"precision": "float64"},
        {"warm_start": True},
    ],
    ids=str,
)
def test_sparse_rows_train_in_every_way(every, counts, labels, parameters):
    """Held-out rows, scaling and partial_fit read sparse rows as dense ones."""
    Z = sparse.csr_array(counts)
    dense = every(**parameters).fit(counts, labels).partial_fit(counts, labels)
    other = every(**parameters).fit(Z, labels).partial_fit(Z, labels)
    assert_same(dense, counts, other, Z, labels)


@pytest.mark.parametrize("loss", ["bce", "mae", "huber"])
def test_every_loss_reads_sparse_rows(autoencoder, counts, loss):
    """The baseline of each loss is computed from sparse rows in parts."""
    X = counts / counts.max()
    dense = autoencoder(reconstruction_loss=loss).fit(X)
    other = autoencoder(reconstruction_loss=loss).fit(sparse.csr_array(X))
    assert_same(dense, X, other, sparse.csr_array(X), None)


def test_bce_sees_the_zeros_that_are_not_stored(autoencoder, counts):
    """The range of a sparse table counts its zeros, and its large values."""
    with pytest.raises(ValueError, match="X runs from 0 to"):
        autoencoder(reconstruction_loss="bce").fit(sparse.csr_array(counts))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32", "longdouble"])
def test_types_of_number_do_not_matter(every, counts, labels, dtype):
    """Sparse rows of any type of number are dense rows of that type."""
    X = counts.astype(dtype)
    Z = sparse.csr_array(X)
    assert_same(every().fit(X, labels), X, every().fit(Z, labels), Z, labels)


def test_rows_of_zero_weight_are_no_rows(every, counts, labels):
    """Sparse rows of zero weight and rows taken out give the same fit bit for bit."""
    weight = np.where(np.arange(40) % 3 == 0, 0, 1 + np.arange(40) % 2)
    kept, Z = weight > 0, sparse.csr_array(counts)
    with_rows = every().fit(Z, labels, sample_weight=weight)
    without = every().fit(Z[kept], labels[kept], sample_weight=weight[kept])
    assert_same(without, Z, with_rows, Z, labels)


def test_rows_without_a_label_may_be_sparse(classifier, counts, labels):
    """Unlabeled sparse rows train the encoder as dense ones."""
    y = np.where(np.arange(40) < 10, labels, -1)
    Z = sparse.csr_array(counts)
    dense, other = (classifier(unlabeled=-1).fit(rows, y) for rows in (counts, Z))
    assert_same(dense, counts, other, Z, labels)


def test_a_dense_network_reads_flat_images(autoencoder, counts):
    """encoder='dense' with sample_shape takes sparse rows: nothing is convolved."""
    parameters = {"encoder": "dense", "sample_shape": (4, 3)}
    Z = sparse.csr_array(counts)
    assert_same(
        autoencoder(**parameters).fit(counts), counts, autoencoder(**parameters).fit(Z), Z, None
    )


@pytest.mark.parametrize("parameters", [{"sample_shape": (4, 3)}, {"channel_axis": None}])
def test_convolutions_refuse_sparse_rows(every, counts, labels, parameters):
    """The error says why, and what to do; nothing is changed, in fit and after it."""
    estimator, Z = every(**parameters), sparse.csr_array(counts)
    before = dict(vars(estimator))
    message = r"X is a sparse matrix, but .* convolves over samples of shape .*X\.toarray\(\)"
    with pytest.raises(ValueError, match=message):
        estimator.fit(Z, labels)
    assert vars(estimator) == before
    estimator.fit(counts, labels)
    with pytest.raises(ValueError, match=message):
        estimator.predict(Z) if hasattr(estimator, "predict") else estimator.transform(Z)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(every, counts, labels, value):
    """NaN and infinity among the stored values are named."""
    counts[3, 4] = value
    with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
        every().fit(sparse.csr_array(counts), labels)


def test_text_goes_straight_in(classifier, counts, labels):
    """TF-IDF weights of documents feed a classifier in a pipeline."""
    words = np.array([f"word{i}" for i in range(12)])
    documents = [" ".join(words[row > 0]) or "word0" for row in counts]
    pipe = make_pipeline(TfidfVectorizer(), classifier(max_epochs=40, lr=0.02))
    assert pipe.fit(documents, labels).score(documents, labels) > 0.8


def test_a_sparse_table_is_never_dense_as_a_whole(classifier, monkeypatch):
    """500 rows of 20 000 features are made dense a batch at a time."""
    sizes, toarray = [], sparse.csr_array.toarray

    def counting(matrix, *args, **kwargs):
        sizes.append(matrix.shape[0])
        return toarray(matrix, *args, **kwargs)

    rng, n = np.random.default_rng(0), 10_000
    places = rng.integers(500, size=n), rng.integers(20_000, size=n)
    X = sparse.csr_array((rng.normal(size=n), places), shape=(500, 20_000))
    y = np.arange(500) % 2
    monkeypatch.setattr(sparse.csr_array, "toarray", counting)
    estimator = classifier(hidden_layer_sizes=(2,), max_epochs=1, batch_size=100).fit(X, y)
    assert estimator.predict(X).shape == (500,)
    assert estimator.reconstruction_error(X).shape == (500,)
    assert max(sizes) <= 128


MOMENTS = """
import resource

from scipy.sparse import eye

from sk_aecnn.data._rows import SparseRows
from sk_aecnn.nn import column_moments


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


rows = SparseRows(eye(3000, 20000, format="csr"))
column_moments(SparseRows(rows.matrix[:60]))
before = peak()
column_moments(rows)
print(peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss has other units")
def test_moments_of_many_chunks_need_the_memory_of_one():
    """Passing 500 chunks of 20 000 columns takes no memory that grows with their number."""
    result = subprocess.run(
        [sys.executable, "-c", MOMENTS], capture_output=True, text=True, check=True
    )
    assert float(result.stdout) < 50  # MiB; 250 where the minima and maxima of each are kept
