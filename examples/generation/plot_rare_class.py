"""
Oversample a rare class with generated samples
==============================================

A classifier hardly learns a class of which there are few samples. One remedy is to generate more of
them, as SMOTE of imbalanced-learn does: :meth:`~sk_aecnn.AECNNClassifier.sample` draws codes from a
mixture fitted to those of the class, and decodes them. Another remedy is to give the few samples
more weight, which costs nothing. Here both are compared with doing nothing.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import balanced_accuracy_score, recall_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from sk_aecnn import AECNNClassifier, AutoencoderTransformer

threadpool_limits(limits=1)  # networks this small gain little from more threads

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, digits.target, test_size=0.5, stratify=digits.target, random_state=0
)
RARE, N_RARE = 8, 12
rare = np.flatnonzero(y_train == RARE)
kept = np.delete(np.arange(len(y_train)), rare[N_RARE:])
X, y = X_train[kept], y_train[kept]
print(f"{N_RARE} images of the digit {RARE}, {np.sum(y == 0)} of the digit 0")

# %%
# New images of the rare class
# ----------------------------
# The autoencoder learns from all classes what digits look like; the mixture learns from the few
# samples where the codes of this class are.

SETTINGS = {"conv_channels": (16, 32), "max_epochs": 40, "random_state": 0}  # a small network

joint = AECNNClassifier(16, class_weight="balanced", **SETTINGS).fit(X, y)
new = joint.sample(60, y=RARE, random_state=0)

fig, axes = plt.subplots(2, 12, figsize=(9, 1.9), layout="constrained")
for row, images, title in zip(axes, (X[y == RARE], new), ("real", "new"), strict=True):
    row[0].set_ylabel(title)
    for ax, image in zip(row, images, strict=False):
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])

# %%
# Do they help?
# -------------
# A nearest-neighbour classifier has no class weights, so it needs the new samples.

X_more, y_more = np.concatenate([X, new]), np.concatenate([y, np.full(len(new), RARE)])
coder = AutoencoderTransformer(16, max_epochs=10, random_state=0).fit(X)
results = {}
for name, (samples, labels) in {"as it is": (X, y), "with new samples": (X_more, y_more)}.items():
    neighbours = KNeighborsClassifier(5).fit(coder.transform(samples), labels)
    results[f"5 neighbours, {name}"] = neighbours.predict(coder.transform(X_test))
plain = AECNNClassifier(16, **SETTINGS).fit(X, y)
results["AECNNClassifier, as it is"] = plain.predict(X_test)
results['AECNNClassifier, class_weight="balanced"'] = joint.predict(X_test)
for name, predicted in results.items():
    found = recall_score(y_test, predicted, labels=[RARE], average="macro")
    print(f"{name:<42} {RARE}s found {found:.2f}", end=", ")
    print(f"balanced accuracy {balanced_accuracy_score(y_test, predicted):.3f}")
