"""Tables of PMLB: classification, linear models on codes, regression."""

from core import ACCURACY, SECONDS, Split, Table, Task, Variant, accuracy, fit_seconds, folds, own
from data import pmlb
from peers import logistic, mlp, on_code, standardised
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

from sk_aecnn import (
    AECNNClassifier,
    AECNNRegressor,
    AutoencoderTransformer,
    CNNClassifier,
    CNNRegressor,
)

CLASSIFICATION = (
    "churn",
    "letter",
    "magic",
    "mfeat_pixel",
    "optdigits",
    "phoneme",
    "satimage",
    "segmentation",
    "spambase",
    "vowel",
    "waveform_40",
)
REGRESSION = ("537_houses", "503_wind")


def names_of(source, names, bundled):
    """Return the tables that a source has: two are enough for a quick look."""
    if source.folder is None:
        return bundled
    return names[:2] if source.quick else names


def classification_tasks(source):
    def task(name):
        return Task(name, lambda seed: folds(*pmlb(source, name), seed, source))

    return [task(name) for name in names_of(source, CLASSIFICATION, ("breast_cancer", "wine"))]


def regression_tasks(source):
    def task(name):
        def splits(seed):
            X, y = pmlb(source, name)
            X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, random_state=seed)
            yield Split(X, y, X_test, y_test)

        return Task(name, splits)

    return [task(name) for name in names_of(source, REGRESSION, ("diabetes",))]


def r2(model, run):
    split = run.split
    seconds = fit_seconds(model, split.X, split.y)
    return {"R²": model.score(split.X_test, split.y_test), SECONDS: seconds}


def mlp_regressor(run):
    """Return an MLP on standardised features and targets."""
    network = MLPRegressor(max_iter=run.epochs(200), random_state=run.seed)
    return TransformedTargetRegressor(standardised(network), transformer=StandardScaler())


def half(run):
    return max(1, run.split.n_features // 2)


def autoencoder_code(run):
    return on_code(run.own(AutoencoderTransformer, half(run)), run)


def pca_code(run):
    return standardised(on_code(PCA(half(run), random_state=run.seed), run))


TABLES = {
    "tables": Table(
        title="Accuracy in percent on eleven tables of PMLB, all with default parameters; logistic "
        "regression and MLP on standardised features.",
        tasks=classification_tasks,
        variants=[
            own("AECNNClassifier()", AECNNClassifier),
            own("CNNClassifier()", CNNClassifier),
            Variant("LogisticRegression", lambda run: standardised(logistic(run))),
            Variant("MLPClassifier", lambda run: standardised(mlp(run))),
            Variant("RandomForest", lambda run: RandomForestClassifier(random_state=run.seed)),
            Variant(
                "HistGradientBoosting",
                lambda run: HistGradientBoostingClassifier(random_state=run.seed),
            ),
        ],
        measure=accuracy,
        metrics=ACCURACY,
        seeds=(0,),
        notes=("Each seed shuffles five folds.",),
    ),
    "table-codes": Table(
        title="Accuracy in percent of a logistic regression on a standardised code of half as many "
        "numbers as there are features.",
        tasks=classification_tasks,
        variants=[
            Variant("AutoencoderTransformer", autoencoder_code, own=True),
            Variant("PCA of standardised features", pca_code),
            Variant("no code, all features", lambda run: standardised(logistic(run))),
        ],
        measure=accuracy,
        metrics=ACCURACY,
        seeds=(0,),
        notes=("Each seed shuffles five folds.", "Times are of code and regression together."),
    ),
    "regression": Table(
        title="R² on two tables of PMLB, all with default parameters; the MLP on standardised "
        "features and targets.",
        tasks=regression_tasks,
        variants=[
            own("AECNNRegressor()", AECNNRegressor),
            own("CNNRegressor()", CNNRegressor),
            Variant("MLPRegressor", mlp_regressor),
            Variant("RandomForest", lambda run: RandomForestRegressor(random_state=run.seed)),
            Variant(
                "HistGradientBoosting",
                lambda run: HistGradientBoostingRegressor(random_state=run.seed),
            ),
        ],
        measure=r2,
        metrics={"R²": 3},
        notes=("Each seed sets a quarter of the rows aside for testing.",),
    ),
}
