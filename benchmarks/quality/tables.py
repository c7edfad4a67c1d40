"""The tables of the documentation: each says its data, its models and what is measured."""

from functools import partial
from inspect import signature
from math import prod

import boxes
import data
import models
import numpy as np
import scores
import serving
from core import Table, Task
from frames import FRAMES
from models import Applied, OnSome, logistic, on_code, on_pixels, on_rows, standardised
from sklearn import ensemble
from sklearn.decomposition import NMF, PCA, KernelPCA, TruncatedSVD
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor, NearestNeighbors
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import SVC
from suite import SUITES, pmlb

from sk_aecnn import (
    AECNNClassifier,
    AECNNRegressor,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CNNClassifier,
    CNNRegressor,
    VariationalAutoencoderTransformer,
)

FIVE_FOLDS = "Each seed shuffles five folds."

# -- data -------------------------------------------------------------------------------------

MNIST = Task("MNIST", data.mnist, data.own_split)
SOME_OF_MNIST = Task("MNIST, 1 000", data.mnist, partial(data.some, n_rows=1_000))
SERIES = {
    name: Task(name, partial(data.series, name=name), partial(data.own_split, channel_axis=-1))
    for name in ("GunPoint", "ItalyPowerDemand", "ArrowHead", "JapaneseVowels")
}
ADBENCH = "18_Ionosphere 28_pendigits 30_satellite 32_shuttle 38_thyroid 4_breastw 6_cardio"
ELEVEN_TABLES = pmlb(
    "churn letter magic mfeat_pixel optdigits phoneme satimage segmentation spambase vowel "
    "waveform_40"
)
ONE_CLASS = "digits optdigits letter mfeat_pixel satimage vowel segmentation movement_libras MNIST"
# what is asked of `make_classification`, of the split, and how features are changed
HARD_SETS = {
    "scales 1e-6 to 1e6": {"change": lambda X, rng: X * np.logspace(-6, 6, X.shape[1])},
    "30 rows": {"n_samples": 530, "n_features": 10, "n_informative": 5, "test_size": 500},
    "100 000 rows": {"n_samples": 125_000, "test_size": 25_000},
    "26 classes": {"n_samples": 5_200, "n_classes": 26, "n_clusters_per_class": 1},
    "1 : 100": {"n_samples": 10_000, "weights": [0.99], "flip_y": 0},
    "180 binary columns": {"n_features": 180, "n_informative": 30, "n_classes": 3}
    | {"change": lambda X, rng: (X > 0).astype(np.uint8)},
    "constant and duplicated columns": {
        "change": lambda X, rng: np.hstack([X, X, np.full_like(X, 7.0), np.zeros_like(X)])
    },
    "heavy tails": {"change": lambda X, rng: X * np.abs(rng.standard_cauchy(X.shape))},
}

TEN_THOUSAND = partial(data.some, n_rows=10_000)
CLUSTERS = partial(
    data.made_up, n_samples=4_000, n_features=50, n_informative=20, n_classes=4, class_sep=2
)
# of the tasks of serving
SERVED_DATA = [
    (data.mnist, TEN_THOUSAND),
    (data.mnist_rows, TEN_THOUSAND),
    *[(lambda source: (source,), CLUSTERS)] * 2,
]

# -- models that depend on the run ------------------------------------------------------------


def half_code(coder, run):
    """Return a logistic regression on a code of half as many numbers as there are features."""
    return on_code(coder(max(1, prod(run.split.X.shape[1:]) // 2)))


def text_code(coder, run):
    return on_code(coder(4 if run.plan.quick else 64))


def staged(run, **params):
    """Return a classifier with as many epochs in its first stage as in its second."""
    return AECNNClassifier(pretrain_epochs=run.default_epochs(), **params)


# -- one parameter at a time ------------------------------------------------------------------

# what is the default, or not a parameter of an estimator, is left out
OF_EVERY_CODER = {
    "normalization": [None],
    "lr": [1e-3, 3e-3, 1e-2, 3e-2],
    "lr_schedule": ["cosine", "constant"],
    "optimizer": ["adam"],
    "weight_decay": [0.0, 1e-4, 1e-2],
    "activation": ["relu", "silu", "tanh"],
    "noise": ["gaussian", "masking", "swap"],
    "scaling": ["feature", "shared"],
    "encoding_dim": [8, 128],
    "hidden_layer_sizes": [(64, 32), (256, 128), (512, 256)],
    "batch_size": [64, 512],
    "kernel_size": [3, 5, 7],
    "augmentation": [None],
}
OF_THE_CLASSIFIER = {
    "backend_input": ["code", "features"],
    "reconstruction_weight": [0.0, 0.1, 1.0],
    "dropout": [0.0, 0.2, 0.5],
    "backend_channels": [32, 64],
    "pooling": ["average"],
    "dense_units": [32],
}


def one_changed(estimator, values, around=lambda model: model):
    """Return the rows of a table: the default, and each value that is not the default's."""
    defaults = signature(estimator).parameters
    rows = {
        f"{name}={value!r}": around(estimator(**{name: value}))
        for name in values
        if name in defaults
        for value in values[name]
        if value != defaults[name].default
    }

    def longer(run, factor):
        return around(estimator(max_epochs=run.default_epochs(factor)))

    epochs = {f"{factor} × the epochs": partial(longer, factor=factor) for factor in (0.5, 2)}
    return {"default": around(estimator())} | rows | epochs


ABLATION = {
    "tasks": [
        SOME_OF_MNIST,
        Task("digits", data.digits, data.half),
        SERIES["ItalyPowerDemand"],
        SERIES["JapaneseVowels"],
        *pmlb("phoneme satimage vowel waveform_40", data.half),
    ],
    "layout": "differences",
    "notes": (
        "Differences are within a seed and its split; the spread of a mean is that over seeds of "
        "the mean over data sets.",
        "Times are ratios to the default's.",
        "Tables are split in halves by the seed.",
    ),
}

# -- tables -----------------------------------------------------------------------------------

TABLES = {
    "mnist": Table(
        title="MNIST, 60 000 images to train with and 10 000 to test with, default parameters.",
        tasks=[MNIST],
        models={
            "AECNNClassifier()": AECNNClassifier(),
            "AECNNClassifier(max_epochs=3)": AECNNClassifier(max_epochs=3),
            "the article's CNN, plain torch, 10 epochs": models.ARTICLE_CNN,
            "the CNN of skorch's notebook, 10 epochs": models.SKORCH_CNN,
            "MLPClassifier": on_pixels(MLPClassifier()),
        },
        metrics=("accuracy, %", "MSE of pixels"),
        judge=scores.accuracy_and_error,
    ),
    "few-labels": Table(
        title="MNIST with few labels, as many of each digit; accuracy on the test set in percent. "
        "The other training images are passed without a label.",
        tasks=[
            Task("100 labels", data.mnist, partial(data.few_labels, n_labels=100)),
            Task("1 000 labels", data.mnist, partial(data.few_labels, n_labels=1_000)),
        ],
        models={
            "AECNNClassifier(unlabeled=-1)": AECNNClassifier(unlabeled=-1),
            "the same, agreement alone (reconstruction_weight=0)": AECNNClassifier(
                unlabeled=-1, reconstruction_weight=0
            ),
            "the same, reconstruction alone (consistency_weight=0)": AECNNClassifier(
                unlabeled=-1, consistency_weight=0
            ),
            "AECNNClassifier(), labelled rows alone": OnSome(AECNNClassifier()),
            "MLPClassifier, labelled rows": OnSome(on_pixels(MLPClassifier())),
            "PCA + LabelSpreading, 10 000 more rows": OnSome(
                on_pixels(PCA(32), LabelSpreading(kernel="knn", n_neighbors=7)),
                lambda y: np.r_[np.flatnonzero(y >= 0), np.flatnonzero(y < 0)[:10_000]],
            ),
        },
        seeds=(0, 1, 2, 3, 4),
        notes=("Each seed draws other labels.",),
    ),
    "codes": Table(
        title="Codes of 32 numbers for MNIST: error of the reconstruction, pixels from 0 to 1, and "
        "the accuracy of a logistic regression on the standardised code (20 000 rows) and of five "
        "nearest neighbours on the code.",
        tasks=[MNIST],
        models={
            "AutoencoderTransformer(32), images": AutoencoderTransformer(32),
            "AutoencoderTransformer(32), flat rows": on_rows(AutoencoderTransformer(32)),
            "PCA": on_pixels(PCA(32)),
            "NMF": on_pixels(NMF(32)),
            # alpha as in scikit-learn's example of denoising digits; with its default, 1, the
            # reconstruction is hardly better than the mean image
            "KernelPCA, 5 000 rows": OnSome(
                on_pixels(KernelPCA(32, kernel="rbf", fit_inverse_transform=True, alpha=5e-3)),
                lambda y: slice(5_000),
            ),
            "BernoulliRBM": on_pixels(models.Boltzmann(32)),
            # pixels divided by their deviations would make those that are hardly ever set count
            # for thousands
            "PyOD's AutoEncoder": models.pyod(
                lambda detector: on_pixels(models.PyODCode(detector)),
                preprocessing=False,
                hidden_neuron_list=[128, 64, 32],
            ),
            "deep autoencoder of Keras's blog, plain torch, 100 epochs": models.DEEP_AUTOENCODER,
        },
        metrics=("MSE of pixels", "logistic regression, %", "5 neighbours, %"),
        judge=scores.code_of_images,
    ),
    "samples": Table(
        title="500 digits drawn from autoencoders with codes of 16 numbers that were trained on "
        "MNIST: the Euclidean distance to the nearest training image in grey levels, and the share "
        "that a classifier is surer of than 0.9.",
        tasks=[MNIST],
        models={
            "of the test set": lambda run: models.TestImages(run.split.X_test),
            "AutoencoderTransformer": AutoencoderTransformer(16),
            "VariationalAutoencoderTransformer": VariationalAutoencoderTransformer(16),
        },
        metrics=(*scores.QUARTILES, "surer than 0.9, %"),
        judge=scores.likeness,
        seeds=(0,),
        notes=("The classifier is trained for one epoch on the same images.",),
    ),
    "digits": Table(
        title="Accuracy in percent on scikit-learn's digits, 1 797 images of 8 by 8 pixels.",
        tasks=[Task("digits", data.digits, data.folds)],
        models={
            "AECNNClassifier()": AECNNClassifier(),
            "SVC": on_rows(SVC()),
            "MLPClassifier": on_rows(MLPClassifier()),
        },
        notes=(FIVE_FOLDS,),
    ),
    "photographs": Table(
        title="Accuracy in percent on colour photographs of 32 by 32 pixels, 2 000 of the first "
        "10 000 images of CIFAR-10, by the number of the others to train with.",
        tasks=[
            Task("2 000 images", data.photographs, partial(data.some, n_rows=2_000)),
            Task("8 000 images", data.photographs, data.own_split),
        ],
        models={
            "AECNNClassifier()": AECNNClassifier(),
            "CNNClassifier()": CNNClassifier(),
            "PCA(0.95), SVC(C=10)": on_pixels(PCA(0.95), SVC(C=10)),
        },
    ),
    "tables": Table(
        title="Accuracy in percent on eleven tables of PMLB, all with default parameters; logistic "
        "regression and MLP on standardised features.",
        tasks=ELEVEN_TABLES,
        models={
            "AECNNClassifier()": AECNNClassifier(),
            "CNNClassifier()": CNNClassifier(),
            "LogisticRegression": standardised(logistic()),
            "MLPClassifier": standardised(MLPClassifier()),
            "RandomForest": ensemble.RandomForestClassifier(),
            "HistGradientBoosting": ensemble.HistGradientBoostingClassifier(),
        },
        seeds=(0,),
        notes=(FIVE_FOLDS,),
    ),
    "table-codes": Table(
        title="Accuracy in percent of a logistic regression on a standardised code of half as many "
        "numbers as there are features.",
        tasks=ELEVEN_TABLES,
        models={
            "AutoencoderTransformer": partial(half_code, AutoencoderTransformer),
            "PCA of standardised features": lambda run: standardised(half_code(PCA, run)),
            "no code, all features": standardised(logistic()),
        },
        seeds=(0,),
        notes=(FIVE_FOLDS, "Times are of code and regression together."),
    ),
    "regression": Table(
        title="R² on two tables of PMLB, all with default parameters; the MLP on standardised "
        "features and targets.",
        tasks=pmlb("537_houses 503_wind", data.quarter),
        models={
            "AECNNRegressor()": AECNNRegressor(),
            "CNNRegressor()": CNNRegressor(),
            "MLPRegressor": models.mlp_regressor(),
            "RandomForest": ensemble.RandomForestRegressor(),
            "HistGradientBoosting": ensemble.HistGradientBoostingRegressor(),
        },
        metrics=("R²",),
        notes=("Each seed sets a quarter of the rows aside for testing.",),
    ),
    "outliers": Table(
        title="The area under the ROC curve in percent, on sets of ADBench, at most 10 000 rows of "
        "each (or as many as `--rows` says), and on tables whose simplest classes are made rare, "
        "3 % of the rows: outliers that "
        "are easier to learn than what is usual. Every detector is fitted to all rows, outliers "
        "included, and scores the same rows.",
        tasks=[
            *(
                Task(name.split("_")[1], partial(data.adbench, name=name), data.all_rows)
                for name in ADBENCH.split()
            ),
            *(
                Task(name, partial(data.one_class, name=name), data.simple_class_is_rare)
                for name in ONE_CLASS.split()
            ),
        ],
        models={
            "AutoencoderOutlierDetector()": make_pipeline(Applied(AutoencoderOutlierDetector())),
            "IsolationForest": make_pipeline(Applied(ensemble.IsolationForest())),
            "extended isolation forest": models.optional(
                "isotree.IsolationForest",
                lambda one: make_pipeline(Applied(one, lambda one, X: one.predict(X))),
                threads="nthreads",
                seed="random_seed",
                ndim=2,
                ntrees=100,
                sample_size=256,
            ),
            "ECOD": models.optional("pyod.models.ecod.ECOD", models.pyod_scores, seed=None),
            "minimum covariance determinant": models.minimum_covariance,
            "distance to the fifth neighbour": standardised(
                Applied(NearestNeighbors(n_neighbors=5), lambda one, X: one.kneighbors()[0][:, -1])
            ),
            "LocalOutlierFactor": standardised(
                Applied(LocalOutlierFactor(), lambda one, X: -one.negative_outlier_factor_)
            ),
            "error of a PCA with 80 % of the variance": standardised(
                Applied(PCA(0.8), models.reconstruction_error)
            ),
            "PyOD's AutoEncoder": models.pyod(models.pyod_scores),
        },
        metrics=("AUROC, %",),
        layout="suite",
        halves_seed=11,  # the first one that parts both kinds of sets evenly
        notes=(
            "Of the tables, the seed says whether the simplest class is rare, the next or the one "
            "after.",
            "Neighbours, PCA, LOF and the minimum covariance determinant, which sees at most 50 "
            "principal components, are fitted to standardised features.",
            "Times include the scores.",
            "Wins, ties and losses: a tie is a difference that is not shown.",
        ),
    ),
    "series": Table(
        title="Time series of the UCR and UEA archives on their own splits: accuracy in percent.",
        tasks=list(SERIES.values()),
        models={
            "AECNNClassifier(channel_axis=-1)": AECNNClassifier(channel_axis=-1),
            "CNNClassifier(channel_axis=-1)": CNNClassifier(channel_axis=-1),
            "one nearest neighbour": on_rows(KNeighborsClassifier(1)),
            "MLPClassifier": on_rows(standardised(MLPClassifier())),
            "MiniRocket of aeon": models.optional(
                "aeon.classification.convolution_based.MiniRocketClassifier", models.channels_first
            ),
            "MultiRocket-Hydra of aeon": models.optional(
                "aeon.classification.convolution_based.MultiRocketHydraClassifier",
                models.channels_first,
            ),
        },
        notes=(
            "JapaneseVowels has 12 channels and 7 to 29 steps: each series is stretched to 26 "
            "steps, the most that there are to train with.",
            # results/accuracy_ucr109_resamples.csv of github.com/angus924/minirocket, column 0
            "MiniRocket's authors report 99.33, 96.89 and 86.29 % on the first three (one run).",
        ),
    ),
    "speech": Table(
        title="Spoken digits (Free Spoken Digit Dataset, 3 000 recordings of six speakers) as "
        "log-mel spectrograms of 40 by 64: accuracy in percent on the data set's own split, and "
        "with each speaker held out in turn.",
        tasks=[
            Task("own split", data.speech, partial(data.marked, which=1)),
            Task("a speaker held out", data.speech, partial(data.marked, which=0)),
        ],
        models={
            "AECNNClassifier()": AECNNClassifier(),
            "the article's CNN, plain torch, 10 epochs": models.ARTICLE_CNN,
            "MLPClassifier": on_pixels(MLPClassifier()),
        },
        notes=("The spread of the second column is that of speakers and seeds.",),
    ),
    "text": Table(
        title="Spam among 5 574 text messages: F1 of spam in percent, from sparse tf-idf weights "
        "of the words.",
        tasks=[Task("SMS spam", data.messages, data.words)],
        models={
            "AECNNClassifier()": AECNNClassifier(),
            "LogisticRegression": logistic(),
            "MLPClassifier": MLPClassifier(),
            "AutoencoderTransformer(64) + LogisticRegression": partial(
                text_code, AutoencoderTransformer
            ),
            "TruncatedSVD(64) + LogisticRegression": partial(text_code, TruncatedSVD),
        },
        metrics=("F1, %",),
        seeds=(0,),
        notes=(FIVE_FOLDS, "The regressions see standardised codes."),
    ),
    "robustness": Table(
        title="Balanced accuracy (the mean over classes of the share that is recognised) in "
        "percent on made-up data that go wrong easily. A fit whose loss was no longer finite would "
        "be called diverged.",
        tasks=[
            Task(name, lambda source: (source,), partial(data.made_up, **params))
            for name, params in HARD_SETS.items()
        ],
        models={
            "AECNNClassifier()": AECNNClassifier(),
            'AECNNClassifier(class_weight="balanced")': AECNNClassifier(class_weight="balanced"),
            "the majority class": DummyClassifier(),
            "LogisticRegression, standardised": standardised(logistic()),
            "RandomForest": ensemble.RandomForestClassifier(),
        },
        metrics=("balanced accuracy, %",),
        notes=("Each seed makes other data.",),
    ),
    "comparison": Table(
        title="Joint and staged training, the CNN alone, and a linear model on the code: accuracy "
        "in percent on 1 000 images of MNIST and on halves of two tables of PMLB.",
        tasks=[SOME_OF_MNIST, *pmlb("letter satimage", data.half)],
        models={
            "joint, back end on the features": AECNNClassifier(backend_input="features"),
            "joint, back end on the code": AECNNClassifier(backend_input="code"),
            "pretrained, then joint": staged,
            "pretrained, then frozen, on the code": partial(
                staged, freeze_encoder=True, backend_input="code"
            ),
            "no reconstruction": AECNNClassifier(reconstruction_weight=0),
            "CNN alone": CNNClassifier(),
            "autoencoder + logistic regression": on_code(AutoencoderTransformer()),
        },
        notes=("Staged training has as many epochs in its first stage as in its second.",),
    ),
    "ablation": Table(
        title="`AECNNClassifier` with one parameter changed: difference of its accuracy to that "
        "with all defaults, in percentage points.",
        models=one_changed(AECNNClassifier, OF_EVERY_CODER | OF_THE_CLASSIFIER),
        **ABLATION,
    ),
    "ablation-codes": Table(
        title="`AutoencoderTransformer` with one parameter changed: difference of the accuracy of "
        "a logistic regression on its standardised code, and of the reconstruction's R², to those "
        "with all defaults, in percentage points.",
        models=one_changed(AutoencoderTransformer, OF_EVERY_CODER, around=on_code),
        metrics=("accuracy, %", "R², %"),
        judge=scores.code_and_reconstruction,
        **ABLATION,
    ),
    "localisation": Table(
        title="Boxes around raccoons, 184 photographs of 32 by 32 pixels with one box each, 148 of "
        "them to learn from: intersection over union with the true box.",
        tasks=[Task("raccoons", data.raccoons, partial(data.marked, which=0))],
        models={
            "the mean box": on_rows(DummyRegressor()),
            "a dense autoencoder, then a CNN on its codes": make_pipeline(
                AutoencoderTransformer(
                    32, encoder="dense", hidden_layer_sizes=(64,), linear_path=False
                ),
                CNNRegressor(backend="cnn"),
            ),
            "CNNRegressor()": CNNRegressor(),
            "CNNRegressor(), boxes moved with the images": CNNRegressor(
                augmentation=boxes.flip_and_shift
            ),
            "AECNNRegressor(), boxes moved with the images": AECNNRegressor(
                augmentation=boxes.flip_and_shift
            ),
        },
        metrics=("mean IoU", "IoU of at least 0.5, %"),
    ),
    "padded": Table(
        title="JapaneseVowels, series of 7 to 29 steps: accuracy in percent where they are "
        "stretched to 26 steps, and where they end in NaN after the last one.",
        tasks=[
            Task(
                title,
                partial(data.series, name="JapaneseVowels", padded=padded),
                partial(data.own_split, channel_axis=-1),
            )
            for title, padded in (("stretched", False), ("padded", True))
        ],
        models={"AECNNClassifier()": AECNNClassifier(), "CNNClassifier()": CNNClassifier()},
        layout="metrics",
    ),
    "serving": Table(
        title="Fitted estimators and their ONNX graphs: processor time.",
        tasks=[Task(title, *load) for title, load in zip(serving.SERVED, SERVED_DATA, strict=True)],
        models={
            "estimator": serving.served,
            "onnxruntime": partial(serving.served, bits=32),
            "onnxruntime, int8": partial(serving.served, bits=8),
        },
        metrics=("one row, µs", "60 000 rows, s", "accuracy, %", "file, KiB"),
        judge=serving.judge,
        seeds=(0,),
        layout="metrics",
        notes=("One row is called again and again; of many, a graph gets a thousand at a time.",),
    ),
    **FRAMES,
    **SUITES,
}
