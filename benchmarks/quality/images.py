"""Images: MNIST with all labels, with few, as codes; scikit-learn's digits."""

import numpy as np
from core import ACCURACY, SECONDS, Split, Table, Task, Variant, accuracy, fit_seconds, folds, own
from data import digits, mnist
from peers import (
    logistic,
    mlp,
    on_pixels,
    on_rows,
    pixels_of,
    pyod_autoencoder,
    rows_of,
    standardised,
)
from plain import ArticleCNN, DeepAutoencoder, SkorchCNN
from sklearn.base import BaseEstimator
from sklearn.decomposition import NMF, PCA, KernelPCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import SVC

from sk_aecnn import AECNNClassifier, AutoencoderTransformer

CODE = 32
SOME = 1_000
MSE = "MSE of pixels"


def mnist_split(source):
    X, y, X_test, y_test = mnist(source)
    return Split(X, y, X_test, y_test)


def mnist_tasks(source):
    return [Task("MNIST", lambda seed: [mnist_split(source)])]


def some_of_mnist(source):
    """Return the task of 1 000 training images, other ones for each seed."""

    def splits(seed):
        X, y, X_test, y_test = mnist(source)
        index = np.random.default_rng(seed).permutation(len(X))[:SOME]
        yield Split(X[index], y[index], X_test, y_test)

    return Task("MNIST, 1 000", splits)


# -- all labels -------------------------------------------------------------------------------


def accuracy_and_error(model, run):
    """Judge a classifier, and its reconstruction where it has one."""
    found = accuracy(model, run)
    if hasattr(model, "reconstruction_error"):
        found[MSE] = model.reconstruction_error(run.split.X_test).mean() / 255**2
    return found


def article_cnn(run):
    return ArticleCNN(epochs=run.epochs(10), seed=run.seed)


# -- few labels -------------------------------------------------------------------------------


def draw_labels(y, n_labels, seed):
    """Return the labels with all but ``n_labels`` of them replaced by -1, as many of each class."""
    rng = np.random.default_rng(seed)
    kept = [rng.permutation(np.flatnonzero(y == label))[: n_labels // 10] for label in range(10)]
    drawn = np.full(len(y), -1)
    kept = np.concatenate(kept)
    drawn[kept] = y[kept]
    return drawn


def few_labels_tasks(source):
    def task(n_labels):
        def splits(seed):
            X, y, X_test, y_test = mnist(source)
            yield Split(X, draw_labels(y, n_labels, seed), X_test, y_test)

        return Task(f"{n_labels:,} labels".replace(",", " "), splits)

    return [task(n_labels) for n_labels in ((20, 50) if source.quick else (100, 1000))]


class LabelledOnly:
    """Fits a classifier to the rows that have a label."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y):
        self.model.fit(X[y >= 0], y[y >= 0])

    def predict(self, X):
        return self.model.predict(X)


class Spreading:
    """Label spreading over the neighbours of principal components, on a part of the rows."""

    def __init__(self, n_unlabelled, seed):
        self.n_unlabelled = n_unlabelled
        self.pca = on_pixels(PCA(CODE, random_state=seed))
        self.model = LabelSpreading(kernel="knn", n_neighbors=7)

    def fit(self, X, y):
        rows = np.r_[np.flatnonzero(y >= 0), np.flatnonzero(y < 0)[: self.n_unlabelled]]
        self.model.fit(self.pca.fit_transform(X[rows]), y[rows])

    def predict(self, X):
        return self.model.predict(self.pca.transform(X))


def labels_alone(run):
    return LabelledOnly(run.own(AECNNClassifier))


# -- codes ------------------------------------------------------------------------------------


def code_quality(model, run):
    """Judge a code by its reconstruction and by what simple classifiers make of it."""
    split = run.split
    seconds = fit_seconds(model, split.X)
    code, code_test = model.transform(split.X), model.transform(split.X_test)
    error = pixels_of(model.inverse_transform(code_test)) - pixels_of(split.X_test)
    few = slice(20_000)
    linear = standardised(logistic(run)).fit(code[few], split.y[few])
    nearest = KNeighborsClassifier(5).fit(code, split.y)
    return {
        MSE: np.square(error).mean(),
        "logistic regression, %": 100 * linear.score(code_test, split.y_test),
        "5 neighbours, %": 100 * nearest.score(code_test, split.y_test),
        SECONDS: seconds,
    }


def coder(model, function=pixels_of, back=lambda rows: 255 * rows):
    """Return a transformer of images from one of rows; its reconstructions are pixels again."""
    rows = FunctionTransformer(function, inverse_func=back, check_inverse=False)
    return make_pipeline(rows, model)


def flat_autoencoder(run):
    return coder(run.own(AutoencoderTransformer, CODE), rows_of, back=lambda rows: rows)


class OnSome:
    """A transformer that cannot take all rows: fits the first ones and transforms in chunks."""

    def __init__(self, model, n_rows):
        self.model = model
        self.n_rows = n_rows

    def fit(self, X):
        self.model.fit(X[: self.n_rows])

    def transform(self, X):
        starts = range(0, len(X), self.n_rows)
        return np.concatenate([self.model.transform(X[i : i + self.n_rows]) for i in starts])

    def inverse_transform(self, codes):
        return self.model.inverse_transform(codes)


def kernel_pca(run):
    """Return a kernel PCA; alpha is that of scikit-learn's example of denoising digits.

    With the default, 1, the reconstruction is hardly better than the mean image.
    """
    model = KernelPCA(
        CODE, kernel="rbf", fit_inverse_transform=True, alpha=5e-3, random_state=run.seed
    )
    return OnSome(coder(model), 5_000)


class Boltzmann(BernoulliRBM):
    """A restricted Boltzmann machine that decodes: probabilities of pixels from those of units."""

    def inverse_transform(self, codes):
        return 1 / (1 + np.exp(-(codes @ self.components_ + self.intercept_visible_)))


class PyODCode(BaseEstimator):
    """The autoencoder of PyOD's detector, by the encoder and decoder inside.

    Pixels are left as they are: divided by their deviations, those that are hardly ever set in
    training would count for thousands of others.
    """

    def __init__(self, detector):
        self.detector = detector

    def fit(self, X, y=None):
        self.detector_ = self.detector.fit(X)
        return self

    def transform(self, X):
        return self._through("encoder", X)

    def inverse_transform(self, codes):
        return self._through("decoder", codes)

    def _through(self, part, rows):
        import torch

        network = getattr(self.detector_.model.eval(), part)
        with torch.inference_mode():
            return network(torch.as_tensor(rows)).numpy()


def pyod_code(run):
    sizes = [128, 64, CODE]
    detector = pyod_autoencoder(run, preprocessing=False, hidden_neuron_list=sizes)
    return coder(PyODCode(detector))


# -- digits -----------------------------------------------------------------------------------


def digits_tasks(source):
    return [Task("digits", lambda seed: folds(*source.cut(*digits()), seed, source))]


TABLES = {
    "mnist": Table(
        title="MNIST, 60 000 images to train with and 10 000 to test with, default parameters.",
        tasks=mnist_tasks,
        variants=[
            own("AECNNClassifier()", AECNNClassifier),
            own("AECNNClassifier(max_epochs=3)", AECNNClassifier, max_epochs=3),
            Variant("the article's CNN, plain torch, 10 epochs", article_cnn),
            Variant(
                "the CNN of skorch's notebook, 10 epochs",
                lambda run: SkorchCNN(run.epochs(10), run.seed),
            ),
            Variant("MLPClassifier", lambda run: on_pixels(mlp(run))),
        ],
        measure=accuracy_and_error,
        metrics=ACCURACY | {MSE: 4},
    ),
    "few-labels": Table(
        title="MNIST with few labels, as many of each digit; accuracy on the test set in percent. "
        "The other training images are passed without a label.",
        tasks=few_labels_tasks,
        variants=[
            own("AECNNClassifier(unlabeled=-1)", AECNNClassifier, unlabeled=-1),
            own(
                "the same, agreement alone (reconstruction_weight=0)",
                AECNNClassifier,
                unlabeled=-1,
                reconstruction_weight=0,
            ),
            own(
                "the same, reconstruction alone (agreement_weight=0)",
                AECNNClassifier,
                unlabeled=-1,
                agreement_weight=0,
            ),
            Variant("AECNNClassifier(), labelled rows alone", labels_alone, own=True),
            Variant("MLPClassifier, labelled rows", lambda run: LabelledOnly(on_pixels(mlp(run)))),
            Variant(
                "PCA + LabelSpreading, 10 000 more rows", lambda run: Spreading(10_000, run.seed)
            ),
        ],
        measure=accuracy,
        metrics=ACCURACY,
        seeds=(0, 1, 2, 3, 4),
        notes=("Each seed draws other labels.",),
    ),
    "codes": Table(
        title="Codes of 32 numbers for MNIST: error of the reconstruction, pixels from 0 to 1, and "
        "the accuracy of a logistic regression on the standardised code (20 000 rows) and of five "
        "nearest neighbours on the code.",
        tasks=mnist_tasks,
        variants=[
            own("AutoencoderTransformer(32), images", AutoencoderTransformer, CODE),
            Variant("AutoencoderTransformer(32), flat rows", flat_autoencoder, own=True),
            Variant("PCA", lambda run: coder(PCA(CODE, random_state=run.seed))),
            Variant(
                "NMF",
                lambda run: coder(NMF(CODE, max_iter=run.epochs(200), random_state=run.seed)),
            ),
            Variant("KernelPCA, 5 000 rows", kernel_pca),
            Variant(
                "BernoulliRBM",
                lambda run: coder(Boltzmann(CODE, n_iter=run.epochs(10), random_state=run.seed)),
            ),
            Variant("PyOD's AutoEncoder", pyod_code),
            Variant(
                "deep autoencoder of Keras's blog, plain torch, 100 epochs",
                lambda run: coder(DeepAutoencoder(epochs=run.epochs(100), seed=run.seed)),
            ),
        ],
        measure=code_quality,
        metrics={MSE: 4, "logistic regression, %": 2, "5 neighbours, %": 2},
    ),
    "digits": Table(
        title="Accuracy in percent on scikit-learn's digits, 1 797 images of 8 by 8 pixels.",
        tasks=digits_tasks,
        variants=[
            own("AECNNClassifier()", AECNNClassifier),
            Variant("SVC", lambda run: on_rows(SVC())),
            Variant("MLPClassifier", lambda run: on_rows(mlp(run))),
        ],
        measure=accuracy,
        metrics=ACCURACY,
        needs_data=False,
        notes=("Each seed shuffles five folds.",),
    ),
}
