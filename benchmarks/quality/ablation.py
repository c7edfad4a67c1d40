"""One parameter at a time changed from its default, over images, sequences and tables."""

from inspect import signature

from comparison import halves
from core import ACCURACY, SECONDS, Split, Table, Task, Variant, accuracy
from data import digits
from images import some_of_mnist
from peers import on_code
from series import tasks as series_tasks
from sklearn.model_selection import train_test_split

from sk_aecnn import AECNNClassifier, AutoencoderTransformer
from sk_aecnn._sizes import auto_epochs

TABLE_NAMES = ("phoneme", "satimage", "vowel", "waveform_40")
SERIES_NAMES = ("ItalyPowerDemand", "JapaneseVowels")

# each is left out where it is the default
OF_EVERY_CODER = [
    {"normalization": None},
    {"lr": 1e-3},
    {"lr": 3e-3},
    {"lr": 1e-2},
    {"lr": 3e-2},
    {"lr_schedule": "cosine"},
    {"lr_schedule": "constant"},
    {"optimizer": "adam"},
    {"weight_decay": 0.0},
    {"weight_decay": 1e-4},
    {"weight_decay": 1e-2},
    {"activation": "relu"},
    {"activation": "silu"},
    {"activation": "tanh"},
    {"noise": "gaussian"},
    {"noise": "masking"},
    {"noise": "swap"},
    {"scaling": "feature"},
    {"scaling": "shared"},
    {"encoding_dim": 8},
    {"encoding_dim": 128},
    {"hidden_layer_sizes": (64, 32)},
    {"hidden_layer_sizes": (256, 128)},
    {"hidden_layer_sizes": (512, 256)},
    {"batch_size": 64},
    {"batch_size": 512},
    {"kernel_size": 3},
    {"kernel_size": 5},
    {"kernel_size": 7},
    {"max_shift": 0.0},
]
OF_THE_CLASSIFIER = [
    {"backend_input": "code"},
    {"backend_input": "features"},
    {"reconstruction_weight": 0.0},
    {"reconstruction_weight": 0.1},
    {"reconstruction_weight": 1.0},
    {"dropout": 0.0},
    {"dropout": 0.2},
    {"dropout": 0.5},
    {"backend_channels": 32},
    {"backend_channels": 64},
    {"pooling": "average"},
    {"dense_units": 32},
]


# -- data -------------------------------------------------------------------------------------


def half_of_digits(source):
    def splits(seed):
        X, X_test, y, y_test = train_test_split(
            *source.cut(*digits()), test_size=0.5, random_state=seed
        )
        yield Split(X, y, X_test, y_test)

    return Task("digits", splits)


def tasks(source):
    """Return the tasks: images, sequences on their own splits, and four tables in halves.

    There are many rows, so for a quick look the smallest data have to do.
    """
    names = TABLE_NAMES if source.folder else ("breast_cancer", "wine")
    tables = [halves(source, name) for name in names]
    if source.quick:
        return [half_of_digits(source), *tables[:2]]
    sequences = [task for task in series_tasks(source) if task.name in SERIES_NAMES]
    return [some_of_mnist(source), half_of_digits(source), *sequences, *tables]


# -- rows -------------------------------------------------------------------------------------


def changes(estimator, candidates):
    """Return (name, parameters) of the candidates that change a default."""
    defaults = {name: one.default for name, one in signature(estimator).parameters.items()}
    for params in candidates:
        if any(defaults[name] != value for name, value in params.items()):
            yield ", ".join(f"{name}={value!r}" for name, value in params.items()), params


def many_epochs(factor):
    """Return the parameters of a run with a multiple of the default's epochs."""
    return lambda run: {"max_epochs": max(1, round(factor * auto_epochs(len(run.split.X))))}


def rows(estimator, candidates, wrap):
    """Return the default and its changes; ``wrap`` makes a classifier of an estimator."""

    def variant(name, params_of):
        return Variant(name, lambda run: wrap(run.own(estimator, **params_of(run)), run), own=True)

    changed = [
        variant(name, lambda run, params=params: params)
        for name, params in changes(estimator, candidates)
    ]
    epochs = [variant(f"{factor} × the epochs", many_epochs(factor)) for factor in (0.5, 2)]
    return [variant("default", lambda run: {}), *changed, *epochs]


def of_code(model, run):
    """Judge a code by a logistic regression on it, and by the R² of its reconstruction."""
    found = accuracy(model, run)
    coder = model[0]
    return {
        "accuracy, %": found["accuracy, %"],
        "R², %": 100 * coder.score(run.split.X_test),
        SECONDS: found[SECONDS],
    }


NOTES = (
    "Differences are within a seed and its split; the spread of a mean is that over seeds of the "
    "mean over data sets.",
    "Times are geometric means of ratios to the default's.",
    "Tables are split in halves by the seed.",
)

TABLES = {
    "ablation": Table(
        title="`AECNNClassifier` with one parameter changed: difference of its accuracy to that "
        "with all defaults, in percentage points.",
        tasks=tasks,
        variants=rows(
            AECNNClassifier, OF_EVERY_CODER + OF_THE_CLASSIFIER, wrap=lambda model, run: model
        ),
        measure=accuracy,
        metrics=ACCURACY,
        paired=True,
        notes=NOTES,
    ),
    "ablation-codes": Table(
        title="`AutoencoderTransformer` with one parameter changed: difference of the accuracy of "
        "a logistic regression on its standardised code, and of the reconstruction's R², to those "
        "with all defaults, in percentage points.",
        tasks=tasks,
        variants=rows(AutoencoderTransformer, OF_EVERY_CODER, wrap=on_code),
        measure=of_code,
        metrics=ACCURACY | {"R², %": 2},
        paired=True,
        notes=NOTES,
    ),
}
