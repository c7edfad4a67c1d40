"""Time series of the UCR and UEA archives, on their own splits."""

from core import ACCURACY, Split, Table, Task, Variant, accuracy, own
from data import series
from peers import mlp, on_rows, standardised
from sklearn.neighbors import KNeighborsClassifier

from sk_aecnn import AECNNClassifier, CNNClassifier

NAMES = ("GunPoint", "ItalyPowerDemand", "ArrowHead", "JapaneseVowels")
# results/accuracy_ucr109_resamples.csv of github.com/angus924/minirocket, column 0: the archive's
# own split. JapaneseVowels is not among these sets.
MINIROCKET = {"GunPoint": 99.33, "ItalyPowerDemand": 96.89, "ArrowHead": 86.29}


def tasks(source):
    def task(name):
        return Task(name, lambda seed: [Split(*series(source, name), {"channel_axis": -1})])

    return [task(name) for name in NAMES]


TABLES = {
    "series": Table(
        title="Time series of the UCR and UEA archives on their own splits: accuracy in percent.",
        tasks=tasks,
        variants=[
            own("AECNNClassifier(channel_axis=-1)", AECNNClassifier),
            own("CNNClassifier(channel_axis=-1)", CNNClassifier),
            Variant("one nearest neighbour", lambda run: on_rows(KNeighborsClassifier(1))),
            Variant("MLPClassifier", lambda run: on_rows(standardised(mlp(run)))),
        ],
        measure=accuracy,
        metrics=ACCURACY,
        on_record={"MiniRocket, on record": MINIROCKET},
        notes=(
            "JapaneseVowels has 12 channels and 7 to 29 steps: each series is stretched to 26 "
            "steps, the most that there are to train with.",
            "MiniRocket's figures are its authors' (github.com/angus924/minirocket, one run on the "
            "archive's split), not measured here; JapaneseVowels is not among them.",
        ),
    )
}
