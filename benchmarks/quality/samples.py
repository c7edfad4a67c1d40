"""Generated digits: how near they are to training images, how many look like digits, a picture."""

import numpy as np
from core import SECONDS, Table, Variant, fit_seconds
from images import mnist_tasks
from peers import rows_of
from sklearn.neighbors import NearestNeighbors

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, VariationalAutoencoderTransformer

N_SAMPLES = 500
CODE = 16


class TestImages:
    """What samples are compared with: images that were never trained on."""

    def __init__(self, images):
        self.images = images

    def fit(self, X):
        return self

    def sample(self, n_samples, random_state):
        return self.images[:n_samples]


def draw(path, images):
    """Write a picture of 64 images."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6))
    for place, image in enumerate(images[:64]):
        axes = figure.add_subplot(8, 8, place + 1)
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
        axes.set_axis_off()
    figure.savefig(path, dpi=80)


def likeness(model, run):
    """Judge samples by their distance to training images and by a classifier's certainty."""
    X, y = run.split.X, run.split.y
    seconds = fit_seconds(model, X)
    images = model.sample(N_SAMPLES, random_state=run.seed).clip(0, 255)
    if run.folder is not None:
        draw(run.folder / f"samples_{type(model).__name__}.png", images)
    nearest = NearestNeighbors(n_neighbors=1).fit(rows_of(X).astype(np.float32))
    distances = nearest.kneighbors(rows_of(images).astype(np.float32))[0]
    judge = AECNNClassifier(reconstruction_weight=0, max_epochs=1, random_state=1).fit(X, y)
    sure = judge.predict_proba(images).max(axis=1) > 0.9
    names = ("least distance", "first quartile", "median", "third quartile")
    found = dict(zip(names, np.quantile(distances, [0, 0.25, 0.5, 0.75]), strict=True))
    return found | {"surer than 0.9, %": 100 * np.mean(sure), SECONDS: seconds}


TABLES = {
    "samples": Table(
        title="500 digits drawn from autoencoders with codes of 16 numbers that were trained on "
        "MNIST: the Euclidean distance to the nearest training image in grey levels, and the share "
        "that a classifier is surer of than 0.9.",
        tasks=mnist_tasks,
        variants=[
            Variant("of the test set", lambda run: TestImages(run.split.X_test)),
            Variant(
                "AutoencoderTransformer",
                lambda run: run.own(AutoencoderTransformer, CODE),
                own=True,
            ),
            Variant(
                "VariationalAutoencoderTransformer",
                lambda run: run.own(VariationalAutoencoderTransformer, CODE),
                own=True,
            ),
        ],
        measure=likeness,
        metrics={
            "least distance": 0,
            "first quartile": 0,
            "median": 0,
            "third quartile": 0,
            "surer than 0.9, %": 0,
        },
        seeds=(0,),
        notes=("The classifier is trained for one epoch on the same images.",),
    )
}
