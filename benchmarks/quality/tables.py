"""The tables of the documentation: each says its data, its models and what is measured."""

from functools import partial

import data
import models
import scores
import torch
from core import ACCURACY, Table, Task, tasks_of
from models import PIXELS, ROWS, Fitted, named, on_code, scored, standardised
from serving import SERVING
from sklearn import ensemble
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.decomposition import NMF, PCA, TruncatedSVD
from sklearn.dummy import DummyRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor, NearestNeighbors
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import LabelSpreading
from suite import SUITES

from sk_aecnn import (
    AECNNClassifier,
    AECNNRegressor,
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CNNClassifier,
    CNNRegressor,
    VariationalAutoencoderTransformer,
)

MNIST = Task("MNIST", data.mnist, data.own_split)
FOR_IMAGES = {
    "the article's CNN in torch, 10 epochs": models.article_cnn(),
    "MLPClassifier": make_pipeline(PIXELS, MLPClassifier()),
}
SERIES = "GunPoint ItalyPowerDemand ArrowHead JapaneseVowels"
OF_SERIES = named(AECNNClassifier(channel_axis=-1), CNNClassifier(channel_axis=-1))
PADDED = partial(data.series, name="JapaneseVowels", padded=True)
ADBENCH = "Ionosphere pendigits satellite shuttle thyroid breastw cardio"
ONE_CLASS = "digits optdigits letter mfeat_pixel satimage vowel segmentation movement_libras MNIST"
DENSE_CODER = AutoencoderTransformer(
    32, encoder="dense", hidden_layer_sizes=(64,), linear_path=False
)
MISSING = "churn vehicle phoneme segmentation satimage spambase waveform_40 wine_quality_red"
IMPUTED = "vehicle phoneme 227_cpu_small 218_house_8L churn nursery tic_tac_toe allhypo"
MEANS = make_column_transformer(
    (SimpleImputer(), make_column_selector(dtype_include="number")),
    (SimpleImputer(strategy="most_frequent"), make_column_selector(dtype_exclude="number")),
    verbose_feature_names_out=False,
).set_output(transform="pandas")
FOREST = ensemble.RandomForestRegressor(max_features="sqrt")


def moved(X, y, generator):
    """Mirror half of the images and move all by up to an eighth, with their boxes."""
    flipped = torch.rand(len(X), generator=generator) < 0.5
    X[flipped] = X[flipped].flip(-1)
    mirrored = y[flipped][:, [2, 1, 0, 3]]  # xmax becomes xmin
    mirrored[:, [0, 2]] = 1 - mirrored[:, [0, 2]]
    y[flipped] = mirrored
    size = X.shape[-1]
    ways = torch.randint(-(size // 8), size // 8 + 1, (len(X), 2), generator=generator)
    position = torch.arange(size)
    for index, (down, right) in enumerate(ways.tolist()):
        rows, columns = ((position - way).clamp(0, size - 1) for way in (down, right))
        X[index] = X[index][:, rows][:, :, columns]
        y[index] += torch.tensor([right, down, right, down]) / size
    return X, y.clamp(0, 1)


TABLES = {
    "mnist": Table(
        title="MNIST, 60 000 images to train with and 10 000 to test with, default parameters.",
        tasks=[MNIST],
        models=named(AECNNClassifier(), AECNNClassifier(max_epochs=3), **FOR_IMAGES),
        metrics=(ACCURACY, scores.ERROR),
    ),
    "few-labels": Table(
        title="MNIST with few labels, as many of each digit; accuracy on the test set in percent.",
        tasks=[
            Task("100 labels", data.mnist, partial(data.few_labels, n_labels=100)),
            Task("1 000 labels", data.mnist, partial(data.few_labels, n_labels=1_000)),
        ],
        models={
            "AECNNClassifier(unlabeled=-1)": AECNNClassifier(unlabeled=-1),
            "AECNNClassifier(), labelled rows alone": Fitted(AECNNClassifier(), models.on_labelled),
            "MLPClassifier, labelled rows": Fitted(
                make_pipeline(PIXELS, MLPClassifier()), models.on_labelled
            ),
            "PCA + LabelSpreading, 10 000 more rows": Fitted(
                make_pipeline(PIXELS, PCA(32), LabelSpreading(kernel="knn", n_neighbors=7)),
                partial(models.on_labelled, n_more=10_000),
            ),
        },
        notes=("Each seed draws other labels.",),
    ),
    "codes": Table(
        title="Codes of 32 numbers for MNIST: error of the reconstruction, pixels from 0 to 1, and "
        "the accuracy of a logistic regression on the standardised code (20 000 rows) and of five "
        "nearest neighbours on the code.",
        tasks=[MNIST],
        models={
            "AutoencoderTransformer(32), images": AutoencoderTransformer(32),
            "AutoencoderTransformer(32), flat rows": make_pipeline(
                ROWS, AutoencoderTransformer(32)
            ),
            "PCA": make_pipeline(PIXELS, PCA(32)),
            "NMF": make_pipeline(PIXELS, NMF(32)),
            "deep autoencoder of Keras's blog in torch, 100 epochs": models.deep_autoencoder(),
        },
        metrics=(scores.ERROR, scores.LINEAR, scores.NEAREST),
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
            "AutoencoderOutlierDetector()": Fitted(AutoencoderOutlierDetector(), scored),
            "IsolationForest": Fitted(ensemble.IsolationForest(), scored),
            "extended isolation forest": models.extended_forest(),
            "ECOD": models.of_pyod("ecod.ECOD"),
            "minimum covariance determinant": models.minimum_covariance,
            "distance to the fifth neighbour": standardised(
                Fitted(NearestNeighbors(), lambda one, X, *_: one.fit(X).kneighbors()[0][:, -1])
            ),
            "LocalOutlierFactor": standardised(
                Fitted(
                    LocalOutlierFactor(), lambda one, X, *_: -one.fit(X).negative_outlier_factor_
                )
            ),
            "error of a PCA with 80 % of the variance": standardised(
                Fitted(PCA(0.8), models.reconstruction_error)
            ),
        },
        metrics=(scores.AUROC,),
        rows=10_000,
        halves=11,  # the first seed that parts both kinds of sets evenly
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
            *tasks_of(SERIES, data.series, data.own_split),
            Task("JapaneseVowels, padded", PADDED, data.own_split, models=(*OF_SERIES,)),
        ],
        models={
            **OF_SERIES,
            "one nearest neighbour": make_pipeline(ROWS, KNeighborsClassifier(1)),
            "MLPClassifier": make_pipeline(ROWS, standardised(MLPClassifier())),
            "MiniRocket of aeon": models.of_aeon("MiniRocketClassifier"),
            "MultiRocket-Hydra of aeon": models.of_aeon("MultiRocketHydraClassifier"),
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
            "LogisticRegression": models.LOGISTIC,
            "MLPClassifier": MLPClassifier(),
            "AutoencoderTransformer(64) + LogisticRegression": on_code(AutoencoderTransformer(64)),
            "TruncatedSVD(64) + LogisticRegression": on_code(TruncatedSVD(64)),
        },
        metrics=(scores.F1,),
        notes=("Each seed shuffles five folds.", "The regressions see standardised codes."),
    ),
    "localisation": Table(
        title="Boxes around raccoons, 184 photographs of 32 by 32 pixels with one box each, 148 of "
        "them to learn from: intersection over union with the true box.",
        tasks=[Task("raccoons", data.raccoons, partial(data.marked, which=0))],
        models={
            "the mean box": make_pipeline(ROWS, DummyRegressor()),
            "a dense autoencoder, then a CNN on its codes": make_pipeline(
                DENSE_CODER, CNNRegressor(backend="cnn")
            ),
            "CNNRegressor()": CNNRegressor(),
            "CNNRegressor(), boxes moved with the images": CNNRegressor(augmentation=moved),
            "AECNNRegressor(), boxes moved with the images": AECNNRegressor(augmentation=moved),
        },
        metrics=(scores.IOU,),
    ),
    "adult": Table(
        title="Adult with its text columns and missing values, on the 16 281 rows set aside.",
        tasks=[
            Task("32 561 rows", data.adult, data.own_split),
            Task("6 000 rows", data.adult, partial(data.some, n_rows=6_000)),
        ],
        models={
            "AECNNClassifier()": AECNNClassifier(),
            "the same behind OneHotEncoder and SimpleImputer": models.imputed(AECNNClassifier()),
            "HistGradientBoostingClassifier": models.BOOSTING,
        },
        metrics=(ACCURACY, scores.LOG_LOSS),
    ),
    "missing": Table(
        title="Accuracy in percent on tables of PMLB, 30 % of whose cells were removed at random.",
        tasks=tasks_of(MISSING, data.pmlb, data.folds_with_holes),
        models={
            "AECNNClassifier()": AECNNClassifier(),
            "HistGradientBoosting": models.BOOSTING,
            **{
                f"{type(one).__name__} + AECNNClassifier()": make_pipeline(one, AECNNClassifier())
                for one in (SimpleImputer(), KNNImputer(), IterativeImputer())
            },
        },
        rows=1_500,
        notes=("Each seed shuffles five folds of up to 1 500 rows.",),
    ),
    "imputation": Table(
        title="30 % of the cells of eight tables of PMLB, removed at random and filled in: the "
        "root mean squared error of numbers, in standard deviations of the column, and the "
        "accuracy of categories, which are columns of up to ten integers.",
        tasks=tasks_of(IMPUTED, data.pmlb_of_kinds, data.holes),
        models={
            "AutoencoderImputer()": AutoencoderImputer(),
            "means, most frequent categories": MEANS,
            "KNNImputer": make_pipeline(models.INTEGERS, KNNImputer()),
            "IterativeImputer": make_pipeline(models.INTEGERS, IterativeImputer()),
            "IterativeImputer(RandomForestRegressor)": make_pipeline(
                models.INTEGERS, IterativeImputer(FOREST)
            ),
        },
        metrics=(scores.RMSE, scores.CATEGORIES),
        rows=1_500,
        notes=("Up to 1 500 rows of each.",),
    ),
    "synthetic": Table(
        title="Accuracy in percent of boosted trees that learned from as many synthetic rows.",
        tasks=[
            Task("Adult", data.adult, data.own_split),
            *tasks_of("churn nursery", data.pmlb_of_kinds, data.half),
        ],
        models={
            "the real rows": models.BOOSTING,
            "AECNNClassifier.sample": Fitted(AECNNClassifier(), models.on_samples_of_classes),
            "AutoencoderTransformer.sample": Fitted(AutoencoderTransformer(), models.on_samples),
            "VariationalAutoencoderTransformer.sample": Fitted(
                VariationalAutoencoderTransformer(), models.on_samples
            ),
            "TVAE": models.of_ctgan("TVAE"),
            "CTGAN": models.of_ctgan("CTGAN"),
        },
        notes=("Tables of PMLB are split in halves by the seed.",),
    ),
    "serving": SERVING,
    **SUITES,
}
