"""Spoken digits as spectrograms: the split of the data set, and speakers who were not heard."""

from core import ACCURACY, Split, Table, Task, Variant, accuracy, own
from data import speech
from peers import mlp, on_pixels
from plain import ArticleCNN

from sk_aecnn import AECNNClassifier


def split_by(X, y, test):
    return Split(X[~test], y[~test], X[test], y[test])


def tasks(source):
    X, y, speaker, is_test = speech(source)
    y = y.astype(int)

    def without_each_speaker(seed):
        for one in range(2 if source.quick else 6):
            yield split_by(X, y, speaker == one)

    return [
        Task("own split", lambda seed: [split_by(X, y, is_test)]),
        Task("a speaker held out", without_each_speaker),
    ]


TABLES = {
    "speech": Table(
        title="Spoken digits (Free Spoken Digit Dataset, 3 000 recordings of six speakers) as "
        "log-mel spectrograms of 40 by 64: accuracy in percent on the data set's own split, and "
        "with each speaker held out in turn.",
        tasks=tasks,
        variants=[
            own("AECNNClassifier()", AECNNClassifier),
            Variant(
                "the article's CNN, plain torch, 10 epochs",
                lambda run: ArticleCNN(epochs=run.epochs(10), seed=run.seed),
            ),
            Variant("MLPClassifier", lambda run: on_pixels(mlp(run))),
        ],
        measure=accuracy,
        metrics=ACCURACY,
        notes=("The spread of the second column is that of speakers and seeds.",),
    )
}
