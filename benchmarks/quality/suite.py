"""The broad suite: its data sets and its peers."""

from functools import partial

import data
import models
import numpy as np
import scores
from core import ACCURACY, Table, Task, tasks_of
from models import Fitted, encoded, imputed, optional
from sklearn import ensemble
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

import sk_aecnn

CLASSIFICATION = """
    allhypo analcatdata_authorship ann_thyroid breast_cancer churn clean2 coil2000 dis kr_vs_kp
    led24 led7 letter magic mfeat_pixel mofn_3_7_10 molecular_biology_promoters monk3
    movement_libras nursery optdigits page_blocks phoneme ring satimage segmentation sonar soybean
    spambase tic_tac_toe twonorm vehicle vowel waveform_40 wine_quality_red yeast
"""
REGRESSION = """
    1028_SWD 218_house_8L 225_puma8NH 227_cpu_small 229_pwLinear 503_wind 522_pm10 529_pollen
    537_houses 542_pollution 547_no2 560_bodyfat 561_cpu
"""


SCALED_MLP = TransformedTargetRegressor(
    models.standardised(MLPRegressor()), transformer=StandardScaler()
)
CLASSIFICATION_TASKS = [
    *tasks_of(CLASSIFICATION, data.pmlb, data.folds),
    Task("Adult, 1000", data.adult, partial(data.some, n_rows=1_000)),
    Task("Adult, 4000", data.adult, partial(data.some, n_rows=4_000)),
    Task("Adult", data.adult, data.own_split),
    Task("SMS spam", data.messages, partial(data.words, dense=True, max_features=1_000)),
    *tasks_of("credit_data attrition TitanicSurvival HMDA penguins", data.mixed, data.folds),
]


def peers(kind, **others):
    """Return the rows of a suite; ``kind`` is how names of classes end."""
    quiet = {"verbose": 0, "allow_writing_files": False, "threads": "thread_count"}
    on_cpu = {"threads": "n_threads", "device": "cpu", "verbosity": 0}
    return {
        f"AECNN{kind}()": imputed(getattr(sk_aecnn, f"AECNN{kind}")()),
        f"CNN{kind}()": imputed(getattr(sk_aecnn, f"CNN{kind}")()),
        **others,
        "RandomForest": encoded(getattr(ensemble, f"RandomForest{kind}")()),
        "HistGradientBoosting": encoded(getattr(ensemble, f"HistGradientBoosting{kind}")()),
        "CatBoost": optional(f"catboost.CatBoost{kind}", encoded, **quiet),
        "LightGBM": optional(f"lightgbm.LGBM{kind}", encoded, threads="n_jobs", verbosity=-1),
        "RealMLP": optional(f"pytabkit.RealMLP_TD_{kind}", imputed, **on_cpu),
        "TabM": optional(f"pytabkit.TabM_D_{kind}", imputed, **on_cpu),
    }


def half_codes(coder, size):
    """Return the row of a logistic regression on codes of half the features."""
    return imputed(Fitted(coder, partial(models.on_half_codes, size=size)), StandardScaler())


SUITE = {
    # the first seed that parts the tables of PMLB and the other sets, of classification and of
    # regression, evenly
    "halves": 34,
    "notes": (
        "Each seed shuffles five folds; Adult has its own test rows.",
        "What is not a number is one-hot; missing numbers are imputed where a model needs it.",
        "Wins, ties and losses are by the first metric; a tie is a difference that is not shown.",
    ),
}
SUITES = {
    "suite": Table(
        title="Classification: 35 tables of PMLB, five raw frames, Adult at three sizes and "
        "messages, in two random halves that are always the same.",
        tasks=CLASSIFICATION_TASKS,
        models=peers(
            "Classifier",
            LogisticRegression=imputed(models.LOGISTIC, StandardScaler()),
            MLPClassifier=imputed(MLPClassifier(), StandardScaler()),
        ),
        metrics=(ACCURACY, scores.AUC, scores.LOG_LOSS),
        **SUITE,
    ),
    "suite-regression": Table(
        title="Regression: 13 tables of PMLB and four raw frames, in two random halves that are "
        "always the same.",
        tasks=[
            *tasks_of(REGRESSION, data.pmlb, data.number_folds),
            *tasks_of("diamonds Wage ames loans_full_schema", data.mixed, data.number_folds),
        ],
        models=peers(
            "Regressor",
            Ridge=imputed(RidgeCV(np.logspace(-3, 3, 13)), StandardScaler()),
            MLPRegressor=imputed(SCALED_MLP),
        ),
        metrics=(scores.R2,),
        **SUITE,
    ),
    "suite-codes": Table(
        title="The sets of classification: a logistic regression on standardised codes of half as "
        "many numbers as there are features.",
        tasks=CLASSIFICATION_TASKS,
        models={
            "AutoencoderTransformer": half_codes(sk_aecnn.AutoencoderTransformer(), "encoding_dim"),
            "PCA": half_codes(PCA(), "n_components"),
            "no code, all features": imputed(models.LOGISTIC, StandardScaler()),
        },
        **SUITE,
    ),
}
