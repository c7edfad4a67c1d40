"""
Semi-supervised classification: few labels, many images
=======================================================

Images are often easy to get, and labels are not. :class:`~sk_aecnn.AECNNClassifier` uses unlabeled
images as well: they train the reconstruction, and a consistency loss trains the classifier to
predict the same class for an image and a noisy copy of it. Here five digits of each class keep
their label, 50 of 1347.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.semi_supervised import LabelSpreading
from threadpoolctl import threadpool_limits

from sk_aecnn import AECNNClassifier, CNNClassifier

threadpool_limits(limits=1)  # networks this small gain little from more threads

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, digits.target, test_size=450, stratify=digits.target, random_state=0
)

# %%
# Remove the labels
# -----------------
# As in :mod:`sklearn.semi_supervised`, -1 marks unlabeled samples. The estimator needs
# ``unlabeled=-1``; otherwise -1 is a class like any other.

rng = np.random.default_rng(0)
labeled = np.concatenate(
    [rng.choice(np.flatnonzero(y_train == label), 5, replace=False) for label in range(10)]
)
y_few = np.full_like(y_train, -1)
y_few[labeled] = y_train[labeled]

# %%
# Four ways to learn from them
# ----------------------------
# With ``consistency_weight=0`` unlabeled images train the reconstruction only. Label spreading,
# which propagates labels between neighbours, is scikit-learn's own method.

as_rows = FunctionTransformer(lambda images: images.reshape(len(images), -1))
joint = AECNNClassifier(unlabeled=-1, max_epochs=9, random_state=0)
reconstructing = AECNNClassifier(unlabeled=-1, consistency_weight=0, max_epochs=9, random_state=0)
alone = CNNClassifier(random_state=0)
fitted = {
    "CNN on the 50 alone": alone.fit(X_train[labeled], y_train[labeled]),
    "joint, reconstruction": reconstructing.fit(X_train, y_few),
    "joint, with consistency": joint.fit(X_train, y_few),
    "label spreading": make_pipeline(as_rows, LabelSpreading(kernel="knn")).fit(X_train, y_few),
}
for name, model in fitted.items():
    print(f"{name:<24} accuracy {model.score(X_test, y_test):.3f}")

# %%
# The gain comes from the consistency loss; the reconstruction does not say which images are of one
# class, and here it even reduces the accuracy. Digits of 8 x 8 pixels are close to others of their
# class, pixel by pixel, so that label spreading is a strong baseline.

names = {
    "train_classification_loss": "cross-entropy of 50",
    "train_consistency_loss": "consistency loss",
}
fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for name, title in names.items():
    curve = [epoch[name] for epoch in joint.history_]
    ax.plot(range(1, len(curve) + 1), curve, label=title)
ax.set(xlabel="epoch", ylabel="loss")
ax.legend()
plt.show()

# %%
# The consistency loss begins low because only confident predictions count, and at first there are
# few.
