"""Tables as they are: categories, missing values, imputation, synthetic rows."""

from functools import partial

import data
import models
import scores
from core import ACCURACY, Table, Task, tasks_of
from models import Trained, filled
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.pipeline import make_pipeline

from sk_aecnn import (
    AECNNClassifier,
    AutoencoderImputer,
    AutoencoderTransformer,
    VariationalAutoencoderTransformer,
)

MISSING = "churn vehicle phoneme segmentation satimage spambase waveform_40 wine_quality_red"
IMPUTED = "vehicle phoneme 227_cpu_small 218_house_8L churn nursery tic_tac_toe allhypo"
MOST_ROWS = 1_500
MEANS = make_column_transformer(
    (SimpleImputer(), make_column_selector(dtype_include="number")),
    (SimpleImputer(strategy="most_frequent"), make_column_selector(dtype_exclude="number")),
    verbose_feature_names_out=False,
).set_output(transform="pandas")
FOREST = RandomForestRegressor(max_features="sqrt")


def on_samples_of_gan(generator):
    return Trained(models.Gan(generator), models.on_samples)


FRAMES = {
    "adult": Table(
        title="Adult with its text columns and missing values, on the 16 281 rows set aside.",
        tasks=[
            Task("32 561 rows", data.adult, data.own_split),
            Task("6 000 rows", data.adult, partial(data.some, n_rows=6_000)),
        ],
        models={
            "AECNNClassifier()": AECNNClassifier(),
            "the same behind OneHotEncoder and SimpleImputer": models.imputed(AECNNClassifier()),
            "HistGradientBoostingClassifier": models.boosting(),
            "CatBoost": models.optional("catboost.CatBoostClassifier", models.encoded, verbose=0),
        },
        metrics=(ACCURACY, scores.LOG_LOSS),
        seeds=(0,),
        layout="metrics",
    ),
    "missing": Table(
        title="Accuracy in percent on tables of PMLB, 30 % of whose cells were removed at random.",
        tasks=tasks_of(MISSING, data.pmlb, data.folds_with_holes, most=MOST_ROWS),
        models={
            "AECNNClassifier()": AECNNClassifier(),
            "HistGradientBoosting": models.boosting(),
            **{
                f"{type(one).__name__} + AECNNClassifier()": make_pipeline(one, AECNNClassifier())
                for one in (SimpleImputer(), KNNImputer(), IterativeImputer())
            },
        },
        seeds=(0,),
        notes=("Each seed shuffles five folds of up to 1 500 rows.",),
    ),
    "imputation": Table(
        title="30 % of the cells of eight tables of PMLB, removed at random and filled in: the "
        "root mean squared error of numbers, in standard deviations of the column, and the "
        "accuracy of categories, which are columns of up to ten integers.",
        tasks=tasks_of(IMPUTED, data.pmlb_of_kinds, data.holes, most=MOST_ROWS),
        models={
            "AutoencoderImputer()": models.transformed(AutoencoderImputer()),
            "means, most frequent categories": models.transformed(MEANS),
            "KNNImputer": filled(KNNImputer()),
            "IterativeImputer": filled(IterativeImputer()),
            "IterativeImputer(RandomForestRegressor)": filled(IterativeImputer(FOREST)),
        },
        metrics=(scores.RMSE, scores.CATEGORIES),
        judge=scores.imputation,
        seeds=(0,),
        layout="metrics",
        notes=("Up to 1 500 rows of each; times include what is filled in.",),
    ),
    "synthetic": Table(
        title="Accuracy in percent of boosted trees that learned from as many synthetic rows.",
        tasks=[
            Task("Adult", data.adult, data.own_split),
            *tasks_of("churn nursery", data.pmlb_of_kinds, data.half),
        ],
        models={
            "the real rows": models.boosting(),
            "AECNNClassifier.sample": Trained(AECNNClassifier(), models.on_samples_of_classes),
            **{
                f"{type(one).__name__}.sample": Trained(one, models.on_samples)
                for one in (AutoencoderTransformer(), VariationalAutoencoderTransformer())
            },
            **{
                name: models.optional(f"ctgan.{name}", on_samples_of_gan, seed=None)
                for name in ("TVAE", "CTGAN")
            },
        },
        notes=("Tables of PMLB are split in halves by the seed.",),
    ),
}
