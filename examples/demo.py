"""
A tour in three steps
=====================

The two main estimators on scikit-learn's digits, 1797 grey images of 8 x 8 pixels:

1. :class:`~sk_aecnn.AECNNClassifier`, one model that classifies and reconstructs, compared with a
PCA of the same size; 2. :class:`~sk_aecnn.AutoencoderTransformer` in a pipeline, the size of its
code chosen by a grid search; 3. a picture, ``demo.png``: digits, their reconstructions, and a code
space of two dimensions.

Run it with ``make demo``, or with ``python examples/demo.py``. It takes about half a minute.
"""

from pathlib import Path

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from sk_aecnn import AECNNClassifier, AutoencoderTransformer

CODE_SIZE = 8
# On data this small, small batches (many steps per epoch) give better results in the same time.
TRAINING = {"batch_size": 32, "random_state": 0}
PICTURE = Path("demo.png")


def main():
    digits = load_digits()
    X_train, X_test, y_train, y_test = train_test_split(
        digits.images, digits.target, test_size=450, stratify=digits.target, random_state=0
    )
    print(f"Digits: {len(X_train)} images to train on, {len(X_test)} to test on.")
    classifier = classify_and_reconstruct(X_train, X_test, y_train, y_test)
    search_code_size(X_train, X_test, y_train, y_test)
    draw(classifier, X_train, X_test, y_test)


def classify_and_reconstruct(X_train, X_test, y_train, y_test):
    headline(f"1. One model classifies and reconstructs, from a code of {CODE_SIZE} numbers")
    classifier = AECNNClassifier(encoding_dim=CODE_SIZE, max_epochs=16, verbose=1, **TRAINING)
    classifier.fit(X_train, y_train)

    pca = PCA(n_components=CODE_SIZE).fit(as_rows(X_train))
    from_pca = pca.inverse_transform(pca.transform(as_rows(X_test))).reshape(X_test.shape)

    print()
    print(f"{'on the test images':<20}{'accuracy':>10}{'reconstruction R²':>20}{'MSE':>10}")
    accuracy = f"{classifier.score(X_test, y_test):.3f}"
    reconstructed = {
        "AECNNClassifier": (accuracy, classifier.reconstruct(X_test)),
        "PCA": ("-", from_pca),
    }
    for name, (accuracy, images) in reconstructed.items():
        r2, mse = reconstruction_quality(X_test, images)
        print(f"{name:<20}{accuracy:>10}{r2:>20.3f}{mse:>10.2f}")
    print("R²: 1 is perfect, 0 is the mean image. MSE: of pixels that run from 0 to 16.")
    return classifier


def search_code_size(X_train, X_test, y_train, y_test):
    headline("2. The autoencoder in a pipeline, the size of its code chosen by a grid search")
    pipe = Pipeline(
        [
            ("ae", AutoencoderTransformer(max_epochs=5, **TRAINING)),
            ("clf", LogisticRegression(max_iter=1000)),
        ]
    )
    search = GridSearchCV(pipe, {"ae__encoding_dim": [4, 8, 16, 32]}, cv=3)
    search.fit(X_train, y_train)

    results = search.cv_results_
    columns = ("param_ae__encoding_dim", "mean_test_score", "std_test_score", "mean_fit_time")
    print(f"{'ae__encoding_dim':>16}{'accuracy in 3-fold CV':>26}{'mean fit time':>18}")
    for dim, mean, std, seconds in zip(*(results[name] for name in columns), strict=True):
        print(f"{dim:>16}{f'{mean:.3f} ± {std:.3f}':>26}{f'{seconds:.2f} s':>18}")
    best = search.best_params_["ae__encoding_dim"]
    print(f"Best: {best}; accuracy on the test images {search.score(X_test, y_test):.3f}.")


def draw(classifier, X_train, X_test, y_test):
    headline("3. A picture")
    plane = AutoencoderTransformer(encoding_dim=2, max_epochs=16, verbose=1, **TRAINING)
    codes = plane.fit(X_train).transform(X_test)

    figure = Figure(figsize=(8.5, 8.5), layout="constrained")
    strip, map_ = figure.subfigures(2, 1, height_ratios=(1, 3), hspace=0.04)
    draw_strip(strip, classifier, X_test, y_test)
    draw_codes(map_, codes, y_test, plane.score(X_test))
    figure.savefig(PICTURE, dpi=120)
    print(f"Saved as {PICTURE.resolve()}")


def draw_strip(figure, classifier, X_test, y_test):
    """One test image of each class, of median error in its class, above its reconstruction."""
    errors = classifier.reconstruction_error(X_test)
    by_error = np.argsort(errors)
    by_class = [by_error[y_test[by_error] == label] for label in classifier.classes_]
    originals = X_test[[members[len(members) // 2] for members in by_class]]
    rows = {"original": originals, "reconstructed": classifier.reconstruct(originals)}
    axes = figure.subplots(len(rows), len(originals))
    for (title, images), row in zip(rows.items(), axes, strict=True):
        row[0].set_ylabel(title, rotation=0, ha="right", va="center")
        for image, ax in zip(images, row, strict=True):
            ax.imshow(image, cmap="gray_r", vmin=0, vmax=16)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_color("0.8")
    figure.suptitle(
        f"Test images reconstructed by AECNNClassifier from {CODE_SIZE} numbers (median error)"
    )


def draw_codes(figure, codes, labels, r2):
    """The codes of the test images, with the label of each class at its median."""
    classes = np.unique(labels)
    colors = ListedColormap(TEN_COLORS)
    ax = figure.subplots()
    ax.scatter(*codes.T, c=labels, cmap=colors, s=26, alpha=0.8, linewidths=0)
    for label in classes:
        ax.annotate(
            str(label),
            np.median(codes[labels == label], axis=0),
            color=TEN_COLORS[label],
            size=22,
            weight="bold",
            ha="center",
            va="center",
            path_effects=[withStroke(linewidth=4, foreground="white")],
        )
    ax.set(xlabel="first number of the code", ylabel="second number of the code")
    ax.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        f"Test images as codes of two numbers, learned without labels (reconstruction R² {r2:.2f})"
    )


def reconstruction_quality(images, reconstructed):
    """Return the R² over all pixels and the mean squared error."""
    pair = as_rows(images), as_rows(reconstructed)
    return r2_score(*pair, multioutput="variance_weighted"), mean_squared_error(*pair)


def as_rows(images):
    return images.reshape(len(images), -1)


def headline(text):
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


# Different in hue and in lightness; matplotlib's ten default colours contain a grey.
TEN_COLORS = (
    "#1f77b4",
    "#ff7f0e",
    "#2ca02c",
    "#d62728",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#3d3d3d",
    "#a8a612",
    "#17becf",
)

if __name__ == "__main__":
    # Networks this small gain little from a second thread, and are much slower on busy cores.
    with threadpool_limits(limits=1):
        main()
