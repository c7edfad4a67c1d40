"""
Detect outliers, and find the features responsible
==================================================

:class:`~sk_aecnn.AutoencoderOutlierDetector` learns what most samples have in common; those that it
reconstructs badly are outliers. The error of each pixel shows where they differ. Here it is trained
on clean digits and applied to digits with a small defect, two by two inverted pixels. The training
set contains no outliers, so ``support_fraction=1`` uses all of it, and ``noise=None`` allows for
finer detail.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from sk_aecnn import AutoencoderOutlierDetector

threadpool_limits(limits=1)  # networks this small gain little from more threads

X_train, X_test = train_test_split(load_digits().images, test_size=450, random_state=0)

# %%
# Digits with a defect
# --------------------

rng = np.random.default_rng(0)
damaged = X_test.copy()
places = rng.integers(0, 7, size=(len(damaged), 2))  # upper left corner of each defect
for image, (row, column) in zip(damaged, places, strict=True):
    spot = np.s_[row : row + 2, column : column + 2]
    image[spot] = 16 - image[spot]

# %%
# Find them
# ---------
# ``contamination="auto"`` sets the threshold to the upper fence of a box plot of the deviations of
# the training images (root mean squared). It is compared with an isolation forest.

detector = AutoencoderOutlierDetector(
    12, support_fraction=1, noise=None, max_epochs=15, batch_size=32, random_state=0
)
detector.fit(X_train)
for name, images in {"training": X_train, "test": X_test, "damaged": damaged}.items():
    share = np.mean(detector.predict(images) == -1)
    print(f"{name:<9} images called outliers: {share:.1%}")

# %%
judged = np.concatenate([X_test, damaged])
is_damaged = np.repeat([0, 1], len(X_test))
forest = IsolationForest(random_state=0).fit(X_train.reshape(-1, 64))
scores = {
    "AutoencoderOutlierDetector": detector.score_samples(judged),
    "IsolationForest": forest.score_samples(judged.reshape(-1, 64)),
}
for name, score in scores.items():
    print(f"{name:<27} area under the ROC curve {roc_auc_score(is_damaged, -score):.3f}")

# %%
# An isolation forest splits on one pixel at a time, and few of the inverted pixels have a value
# that is rare at their position: the combination with the other pixels is unusual. Where single
# features have extreme values, as in many tables, an isolation forest is a strong baseline.
#
# Which pixels are responsible?
# -----------------------------
# ``reconstruction_error(X, per_feature=True, scaled=True)`` is the error of every pixel. The score
# of an image consists of these errors, each divided by the usual error of the pixel, and of its
# code.

errors = detector.reconstruction_error(damaged, per_feature=True, scaled=True)
worst = np.stack(np.divmod(errors.reshape(len(errors), -1).argmax(axis=1), 8), axis=1)
inside = ((worst >= places) & (worst < places + 2)).all(axis=1)
print(f"The pixel of the largest error lies in the defect in {inside.mean():.1%} of the images.")

fig, axes = plt.subplots(3, 10, figsize=(8, 2.8), subplot_kw={"xticks": [], "yticks": []})
shown = {
    "damaged": (damaged, "gray_r", 16),
    "reconstructed": (detector.reconstruct(damaged[:10]), "gray_r", 16),
    "error": (errors, "Reds", errors[:10].max()),
}
for axes_row, (title, (images, cmap, vmax)) in zip(axes, shown.items(), strict=True):
    axes_row[0].set_ylabel(title, rotation=0, ha="right", va="center")
    for ax, image in zip(axes_row, images[:10], strict=True):
        ax.imshow(image, cmap=cmap, vmin=0, vmax=vmax)
fig.tight_layout(h_pad=0.3, w_pad=0.3)
plt.show()
