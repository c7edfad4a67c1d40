"""
Few labels, many images
=======================

Images are often easy to come by, and labels are not. :class:`~sk_aecnn.AECNNClassifier` takes the
images without a label as well: they train the reconstruction, and the classifier is held to give
an image and a noisy copy of it the same class. Here five digits of each class keep their label, 50
of 1347.
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
# Take the labels away
# --------------------
# As in :mod:`sklearn.semi_supervised`, -1 stands for a label that is not known. The estimator has
# to be told, with ``unlabeled=-1``; otherwise -1 is a class like any other.

rng = np.random.default_rng(0)
labelled = np.concatenate(
    [rng.choice(np.flatnonzero(y_train == label), 5, replace=False) for label in range(10)]
)
y_few = np.full_like(y_train, -1)
y_few[labelled] = y_train[labelled]

# %%
# Four ways to learn from them
# ----------------------------
# ``agreement_weight=0`` leaves the reconstruction as the only use of the images without a label.
# Label spreading, which hands labels on from neighbour to neighbour, is scikit-learn's own method.

as_rows = FunctionTransformer(lambda images: images.reshape(len(images), -1))
joint = AECNNClassifier(unlabeled=-1, max_epochs=15, random_state=0)
reconstructing = AECNNClassifier(unlabeled=-1, agreement_weight=0, max_epochs=15, random_state=0)
alone = CNNClassifier(random_state=0)
fitted = {
    "CNN on the 50 alone": alone.fit(X_train[labelled], y_train[labelled]),
    "joint, reconstruction": reconstructing.fit(X_train, y_few),
    "joint, with agreement": joint.fit(X_train, y_few),
    "label spreading": make_pipeline(as_rows, LabelSpreading(kernel="knn")).fit(X_train, y_few),
}
for name, model in fitted.items():
    print(f"{name:<22} accuracy {model.score(X_test, y_test):.3f}")

# %%
# It is the agreement that helps; rebuilding the other images does not tell which of them are of one
# class, and here it even takes away from what 50 labels give. Digits of 8 x 8 pixels lie close to
# others of their class, pixel by pixel, so that passing labels on between neighbours is hard to
# beat.

names = {"train_classification_loss": "cross-entropy of 50", "train_agreement_loss": "agreement"}
fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for name, title in names.items():
    curve = [epoch[name] for epoch in joint.history_]
    ax.plot(range(1, len(curve) + 1), curve, label=title)
ax.set(xlabel="epoch", ylabel="loss")
ax.legend()
plt.show()

# %%
# The agreement loss begins low because only confident answers count, and at first there are few.
