"""
Detect several objects in one picture
=====================================

A classifier of small images can find such images in a larger one: it is applied to every window,
and of neighbouring windows that contain the same digit only the most confident one is kept
(non-maximum suppression). Here a :class:`~sk_aecnn.CNNClassifier` finds scikit-learn's digits, of
8 x 8 pixels, in pictures of 40 x 40. Its back end consists of convolutions alone, so that one pass
over a picture classifies all windows at once.
"""

from time import process_time

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.ndimage import maximum_filter
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits
from torch import nn

from sk_aecnn import CNNClassifier

threadpool_limits(limits=1)  # networks this small gain little from more threads

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images / 16, digits.target, test_size=450, stratify=digits.target, random_state=0
)
SIZE, SCENE, NOTHING = 8, 40, -1

# %%
# Scenes
# ------
# Five digits at random places that do not overlap, on a noisy background.


def draw_scene(rng, images, labels):
    scene, found = np.abs(rng.normal(0, 1 / 16, (SCENE, SCENE))), []
    while len(found) < 5:
        row, column = rng.integers(0, SCENE - SIZE + 1, 2)
        if all(max(abs(row - other[0]), abs(column - other[1])) >= SIZE for other in found):
            chosen = rng.integers(len(images))
            scene[row : row + SIZE, column : column + SIZE] += images[chosen]
            found.append((row, column, labels[chosen]))
    return scene.clip(0, 1), found


def windows_of(scene):
    """Return all windows of a scene, (33, 33, 8, 8): views, not copies."""
    return np.lib.stride_tricks.sliding_window_view(scene, (SIZE, SIZE))


# %%
# A back end of convolutions
# --------------------------
# Without padding, the layers below leave 6, 4, 3 and 1 positions of the 8 along each axis of a
# window, so the last ones are fully connected layers. Of a whole scene they leave a position for
# each window: (1, n_outputs, 33, 33). With padding, the result of a window would depend on where
# the picture ends, and pooling by two would leave only every second window.


class Convolutions(nn.Module):
    def __init__(self, in_shape, n_outputs):
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(in_shape[0], 32, 3), nn.BatchNorm2d(32), nn.ReLU()),
            *(nn.Conv2d(32, 64, 3), nn.BatchNorm2d(64), nn.ReLU()),
            nn.MaxPool2d(2, stride=1),
            *(nn.Conv2d(64, 128, 3), nn.BatchNorm2d(128), nn.ReLU()),
            *(nn.Dropout(0.5), nn.Conv2d(128, n_outputs, 1)),
        )

    def forward(self, x):
        return self.layers(x).flatten(1)


# %%
# Train the classifier, with a class for the background
# -----------------------------------------------------
# Windows without a complete digit are a class of their own: the background, and digits that are off
# by two pixels or more.

rng = np.random.default_rng(0)
X, y = [], []
for _ in range(400):
    scene, found = draw_scene(rng, X_train, y_train)
    windows = windows_of(scene)
    for row, column, label in found:
        X.append(windows[row, column])
        y.append(label)
    for row, column in rng.integers(0, len(windows), (15, 2)):
        if all(max(abs(row - other[0]), abs(column - other[1])) >= 2 for other in found):
            X.append(windows[row, column])
            y.append(NOTHING)

# Without augmentation: a digit that is off centre is background here. Without scaling and smoothed
# labels: the pixels of a scene go in, and the softmax of what comes out are probabilities.
model = CNNClassifier(
    backend=Convolutions,
    augmentation=None,
    scaling=None,
    label_smoothing=0,
    max_epochs=10,
    random_state=0,
).fit(np.stack(X), y)

# %%
# Classify all windows in one pass
# --------------------------------
# The network of a fitted model is ``net_.module_``. Its back end, applied to a scene, returns the
# logits that ``predict_proba`` turns into probabilities.

layers = model.net_.module_.backend.layers


def classify_windows(scene):
    """Return the probabilities of classes of each window, (33, 33, n_classes)."""
    with torch.inference_mode():
        logits = layers(torch.from_numpy(scene[None, None]).float())
    return logits[0].softmax(0).permute(1, 2, 0).numpy()


def classify_windows_apart(scene):
    windows = windows_of(scene)
    proba = model.predict_proba(windows.reshape(-1, SIZE, SIZE))
    return proba.reshape(*windows.shape[:2], -1)


scene, _ = draw_scene(rng, X_test, y_test)
difference = np.abs(classify_windows(scene) - classify_windows_apart(scene)).max()
print(f"largest difference of probabilities: {difference:.1e}")
for function in (classify_windows, classify_windows_apart):
    start = process_time()
    for _ in range(20):
        function(scene)
    print(f"{function.__name__}: {1000 * (process_time() - start) / 20:.1f} ms a scene")

# %%
# Non-maximum suppression
# -----------------------
# The probability that a window contains a digit is a map of the scene. A window is kept if its
# value is above one half and the largest one within the size of a digit.


def find_digits(scene):
    proba = classify_windows(scene)[:, :, model.classes_ != NOTHING]
    surest = proba.max(axis=2)
    is_peak = (surest == maximum_filter(surest, size=SIZE + 1)) & (surest > 0.5)
    labels = model.classes_[model.classes_ != NOTHING][proba.argmax(axis=2)]
    return [(row, column, labels[row, column]) for row, column in np.argwhere(is_peak)], surest


n_true = n_found = n_right = 0
for _ in range(20):
    scene, true = draw_scene(rng, X_test, y_test)
    found, _ = find_digits(scene)
    n_true, n_found = n_true + len(true), n_found + len(found)
    for row, column, label in true:
        n_right += any(
            abs(row - other[0]) <= 1 and abs(column - other[1]) <= 1 and label == other[2]
            for other in found
        )
print(f"{n_right} of {n_true} digits are found, at most one pixel off and with the right label")
print(f"{n_found - n_right} of {n_found} detections are wrong")

# %%
# A scene, and what is detected
# -----------------------------

scene, _ = draw_scene(rng, X_test, y_test)
found, surest = find_digits(scene)
fig, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
axes[0].imshow(scene, cmap="gray_r")
for row, column, label in found:
    box = plt.Rectangle((column - 0.5, row - 0.5), SIZE, SIZE, fill=False, color="#e76300", lw=2)
    axes[0].add_patch(box)
    axes[0].text(column - 0.5, row - 1, label, color="#bd1f01", weight="bold", size=12)
axes[0].set(title="detected digits", xticks=[], yticks=[])
image = axes[1].imshow(surest, cmap="magma", vmin=0, vmax=1)
axes[1].set(
    title="probability of a digit",
    xlabel="left edge of the window",
    ylabel="upper edge of the window",
)
fig.colorbar(image, ax=axes[1])
plt.show()
