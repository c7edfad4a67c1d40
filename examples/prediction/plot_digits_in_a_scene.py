"""
Detect several objects in one picture
=====================================

A classifier of small images finds where such images are in a larger one: it is asked about every
window, and neighbouring windows that see the same digit are reduced to the surest one (non-maximum
suppression). Here a :class:`~sk_aecnn.CNNClassifier` finds scikit-learn's digits, of 8 x 8 pixels,
in pictures of 40 x 40.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import maximum_filter
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from sk_aecnn import CNNClassifier

threadpool_limits(limits=1)  # networks this small gain little from more threads

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, digits.target, test_size=450, stratify=digits.target, random_state=0
)
SIZE, SCENE, NOTHING = 8, 40, -1

# %%
# Scenes
# ------
# Five digits at random places that do not overlap, on a noisy ground.


def draw_scene(rng, images, labels):
    scene, found = np.abs(rng.normal(0, 1, (SCENE, SCENE))), []
    while len(found) < 5:
        row, column = rng.integers(0, SCENE - SIZE + 1, 2)
        if all(max(abs(row - other[0]), abs(column - other[1])) >= SIZE for other in found):
            chosen = rng.integers(len(images))
            scene[row : row + SIZE, column : column + SIZE] += images[chosen]
            found.append((row, column, labels[chosen]))
    return scene.clip(0, 16), found


def windows_of(scene):
    """Return all windows of a scene, (33, 33, 8, 8): views, not copies."""
    return np.lib.stride_tricks.sliding_window_view(scene, (SIZE, SIZE))


# %%
# Train it, with what is no digit
# -------------------------------
# Windows that hold no digit as a whole are a class of their own: the ground, and parts of digits
# that are two pixels off or more.

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

# Without augmentation: a digit that is moved is no digit here.
model = CNNClassifier(augmentation=None, max_epochs=5, random_state=0).fit(np.stack(X), y)

# %%
# Ask about every window
# ----------------------
# The probability that a window holds some digit is a map of the scene. A window is kept where the
# map is the largest within the size of a digit and above one half.


def find_digits(scene):
    windows = windows_of(scene)
    proba = model.predict_proba(windows.reshape(-1, SIZE, SIZE))
    proba = proba.reshape(*windows.shape[:2], -1)[:, :, model.classes_ != NOTHING]
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
print(f"of {n_true} digits {n_right} are found, at most one pixel off and named rightly")
print(f"of {n_found} finds {n_found - n_right} are wrong")

# %%
# A scene, and what the classifier says of it
# -------------------------------------------

scene, _ = draw_scene(rng, X_test, y_test)
found, surest = find_digits(scene)
fig, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
axes[0].imshow(scene, cmap="gray_r")
for row, column, label in found:
    box = plt.Rectangle((column - 0.5, row - 0.5), SIZE, SIZE, fill=False, color="#e76300", lw=2)
    axes[0].add_patch(box)
    axes[0].text(column - 0.5, row - 1, label, color="#bd1f01", weight="bold", size=12)
axes[0].set(title="what is found", xticks=[], yticks=[])
image = axes[1].imshow(surest, cmap="magma", vmin=0, vmax=1)
axes[1].set(
    title="probability of a digit",
    xlabel="left edge of the window",
    ylabel="upper edge of the window",
)
fig.colorbar(image, ax=axes[1])
plt.show()
