"""
Detect outliers, and find the features responsible
==================================================

:class:`~sk_aecnn.AutoencoderOutlierDetector` learns what most samples have in common; those that it
reconstructs badly are outliers. What each pixel contributes to the score shows where they differ.
Here it is trained on clean digits and applied to digits with a small defect, two by two inverted
pixels. The training set contains no outliers, so ``support_fraction=1`` uses all of it, and
``noise=None`` allows for finer detail.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from sk_aecnn import (
    AutoencoderOutlierDetector,
    ReconstructionDisplay,
    ReconstructionErrorDisplay,
)

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
# The display draws minus the scores, and the threshold.

judged = np.concatenate([X_test, damaged])
is_damaged = np.repeat([0, 1], len(X_test))
forest = IsolationForest(random_state=0).fit(X_train.reshape(-1, 64))
ReconstructionErrorDisplay.from_estimator(
    detector, judged, np.where(is_damaged, "damaged", "as they were")
)
plt.show()

# %%
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
# ``explain`` distributes the score of an image over its pixels: the most negative ones make it
# unusual.

contributions = detector.explain(damaged)
worst = np.stack(np.divmod(contributions.reshape(-1, 64).argmin(axis=1), 8), axis=1)
inside = ((worst >= places) & (worst < places + 2)).all(axis=1)
print(f"The pixel that contributes most lies in the defect in {inside.mean():.1%} of the images.")

# %%
# The display shows the defects as differences from the reconstruction; below, the share of each
# pixel in the score of its image. Pixels that hardly ever differ from the reconstruction count
# more.

share = contributions[:8] / detector.score_samples(damaged[:8])[:, None, None]

fig, axes = plt.subplots(2, 1, figsize=(6.4, 4), layout="constrained", height_ratios=[3, 1.4])
ReconstructionDisplay.from_estimator(detector, damaged, ax=axes[0], image_kwargs={"cmap": "gray_r"})
axes[1].imshow(np.hstack(np.pad(share, [(0, 0), (0, 0), (0, 1)])), cmap="magma", vmin=0)
axes[1].set(title="share in the score", xticks=[], yticks=[])
plt.show()
