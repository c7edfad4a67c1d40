"""The tables of the documentation: each says its data, its models and what is measured."""

from functools import partial
from itertools import product

import boxes
import data
import models
import scores
from core import ACCURACY, Table, Task, tasks_of
from frames import FRAMES
from models import Applied, Trained, named, on_code, on_labelled, on_pixels, on_rows, standardised
from serving import SERVING
from sklearn import ensemble
from sklearn.decomposition import NMF, PCA, TruncatedSVD
from sklearn.dummy import DummyRegressor
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor, NearestNeighbors
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import SVC
from suite import SUITES

from sk_aecnn import (
    AECNNClassifier,
    AECNNRegressor,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CNNClassifier,
    CNNRegressor,
)

STREAMED = [
    kind(batch_size=64) for kind in (AutoencoderTransformer, AECNNClassifier, CNNClassifier)
]
FOR_IMAGES = {
    "the article's CNN, plain torch, 10 epochs": models.ARTICLE_CNN,
    "MLPClassifier": on_pixels(MLPClassifier()),
}
FIVE_FOLDS = "Each seed shuffles five folds."
MNIST = Task("MNIST", data.mnist, data.own_split)
AEON = {
    "MiniRocket": "MiniRocketClassifier",
    "MultiRocket-Hydra": "MultiRocketHydraClassifier",
}
SERIES = "GunPoint ItalyPowerDemand ArrowHead JapaneseVowels"
AS_SERIES = partial(data.own_split, channel_axis=-1)
ADBENCH = "Ionosphere pendigits satellite shuttle thyroid breastw cardio"
ONE_CLASS = "digits optdigits letter mfeat_pixel satimage vowel segmentation movement_libras MNIST"


def text_code(coder, run):
    return on_code(coder(4 if run.plan.quick else 64))


def in_phases(run, **params):
    """Return a classifier that is pretrained for as many epochs as the default trains."""
    default = AECNNClassifier(max_epochs=1 if run.plan.quick else "auto", random_state=run.seed)
    default.fit(run.split.X, run.split.y)
    return AECNNClassifier(pretrain_epochs=default.resolved_params_["max_epochs"], **params)


# -- tables -----------------------------------------------------------------------------------

TABLES = {
    "mnist": Table(
        title="MNIST, 60 000 images to train with and 10 000 to test with, default parameters.",
        tasks=[MNIST],
        models=named(AECNNClassifier(), AECNNClassifier(max_epochs=3), **FOR_IMAGES),
        metrics=(ACCURACY, scores.ERROR),
        judge=scores.accuracy_and_error,
    ),
    "few-labels": Table(
        title="MNIST with few labels, as many of each digit; accuracy on the test set in percent.",
        tasks=[
            Task("100 labels", data.mnist, partial(data.few_labels, n_labels=100)),
            Task("1 000 labels", data.mnist, partial(data.few_labels, n_labels=1_000)),
        ],
        models={
            "AECNNClassifier(unlabeled=-1)": AECNNClassifier(unlabeled=-1),
            "AECNNClassifier(), labelled rows alone": Trained(AECNNClassifier(), on_labelled),
            "MLPClassifier, labelled rows": Trained(on_pixels(MLPClassifier()), on_labelled),
            "PCA + LabelSpreading, 10 000 more rows": Trained(
                on_pixels(PCA(32), LabelSpreading(kernel="knn", n_neighbors=7)),
                partial(on_labelled, n_more=10_000),
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
            "deep autoencoder of Keras's blog, plain torch, 100 epochs": models.DEEP_AUTOENCODER,
        },
        metrics=(scores.ERROR, scores.LINEAR, scores.NEAREST),
        judge=scores.code_of_images,
    ),
    "digits": Table(
        title="Accuracy in percent on scikit-learn's digits, 1 797 images of 8 by 8 pixels.",
        tasks=[Task("digits", data.digits, data.folds)],
        models=named(AECNNClassifier(), SVC=on_rows(SVC()), MLPClassifier=on_rows(MLPClassifier())),
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
            **named(AECNNClassifier(), CNNClassifier()),
            "PCA(0.95), SVC(C=10)": on_pixels(PCA(0.95), SVC(C=10)),
        },
    ),
    "outliers": Table(
        title="The area under the ROC curve in percent, on sets of ADBench, at most 10 000 rows of "
        "each (or as many as `--rows` says), and on tables whose simplest classes are made rare, "
        "3 % of the rows: outliers that are easier to learn than what is usual. Every detector is "
        "fitted to all rows, outliers included, and scores the same rows.",
        tasks=[
            *tasks_of(ADBENCH, data.adbench, data.all_rows),
            *tasks_of(ONE_CLASS, data.one_class, data.simple_class_is_rare),
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
            "ECOD": models.optional(
                "pyod.models.ecod.ECOD",
                lambda one: make_pipeline(Applied(one, lambda one, X: one.decision_scores_)),
                seed=None,
            ),
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
        },
        metrics=(scores.AUROC,),
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
        tasks=[
            *tasks_of(SERIES, data.series, AS_SERIES),
            Task(
                "JapaneseVowels, padded",
                partial(data.series, name="JapaneseVowels", padded=True),
                AS_SERIES,
                models=("AECNNClassifier()", "CNNClassifier()"),
            ),
        ],
        models={
            **named(AECNNClassifier(), CNNClassifier()),
            "one nearest neighbour": on_rows(KNeighborsClassifier(1)),
            "MLPClassifier": on_rows(standardised(MLPClassifier())),
            **{
                f"{name} of aeon": models.optional(
                    f"aeon.classification.convolution_based.{kind}", models.channels_first
                )
                for name, kind in AEON.items()
            },
        },
        notes=(
            "JapaneseVowels has 12 channels and 7 to 29 steps: each series is stretched to 26 "
            "steps, the most that there are to train with, or, padded, ends in NaN.",
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
        models=named(AECNNClassifier(), **FOR_IMAGES),
        notes=("The spread of the second column is that of speakers and seeds.",),
    ),
    "text": Table(
        title="Spam among 5 574 text messages: F1 of spam in percent, from sparse tf-idf weights "
        "of the words.",
        tasks=[Task("SMS spam", data.messages, data.words)],
        models={
            "AECNNClassifier()": AECNNClassifier(),
            "LogisticRegression": models.logistic(),
            "MLPClassifier": MLPClassifier(),
            **{
                f"{kind.__name__}(64) + LogisticRegression": partial(text_code, kind)
                for kind in (AutoencoderTransformer, TruncatedSVD)
            },
        },
        metrics=(scores.F1,),
        seeds=(0,),
        notes=(FIVE_FOLDS, "The regressions see standardised codes."),
    ),
    "comparison": Table(
        title="Joint and staged training, the CNN alone, and a linear model on the code: accuracy "
        "in percent on 1 000 images of MNIST and on halves of two tables of PMLB.",
        tasks=[
            Task("MNIST, 1 000", data.mnist, partial(data.some, n_rows=1_000)),
            *tasks_of("letter satimage", data.pmlb, data.half),
        ],
        models={
            "joint, back end on the features": AECNNClassifier(backend_input="features"),
            "joint, back end on the code": AECNNClassifier(backend_input="code"),
            "pretrained, then joint": in_phases,
            "pretrained, then frozen, on the code": partial(
                in_phases, freeze_encoder=True, backend_input="code"
            ),
            "no reconstruction": AECNNClassifier(reconstruction_weight=0),
            "CNN alone": CNNClassifier(),
            "autoencoder + logistic regression": on_code(AutoencoderTransformer()),
        },
        notes=("Staged training has as many epochs in its first stage as in its second.",),
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
        metrics=(scores.MEAN_IOU, scores.HALF_IOU),
    ),
    "schedule": Table(
        title="Digits that arrive in parts of 128: accuracy (of transformers, R²) on the others, "
        "where the learning rate stays and where it follows a schedule over all steps.",
        tasks=[Task("digits", data.digits, data.quarter)],
        models={
            f"{type(model).__name__}, {n_passes} passes, {rate}": Trained(
                model, partial(models.on_parts, n_passes=n_passes, scheduled=rate == "n_steps")
            )
            for n_passes, model, rate in product((10, 1), STREAMED, ("constant rate", "n_steps"))
        },
        metrics=(scores.OWN,),
        seeds=(0, 1, 2, 3, 4),
        notes=("Each seed sets a quarter of the images aside for testing.",),
    ),
    "serving": SERVING,
    **FRAMES,
    **SUITES,
}
