"""
Generate new images
===================

A decoder maps any code to a sample, so new codes give new samples. Below, two estimators generate
digits in different ways; then generated samples are added to a small class.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import recall_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, VariationalAutoencoderTransformer

threadpool_limits(limits=1)  # networks this small gain little from more threads

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, digits.target, test_size=450, stratify=digits.target, random_state=0
)

# %%
# Two ways to draw a code
# -----------------------
# :class:`~sk_aecnn.AutoencoderTransformer` fits a mixture of normal distributions to the codes of
# the training images and draws from that. :class:`~sk_aecnn.VariationalAutoencoderTransformer`
# keeps the codes close to one standard normal distribution while it trains, and draws from that.

SETTINGS = {"batch_size": 32, "random_state": 0}

models = {
    "plain": AutoencoderTransformer(8, max_epochs=7, **SETTINGS),
    "variational": VariationalAutoencoderTransformer(8, max_epochs=7, **SETTINGS),
}
rows = {"training images": X_train[:12]}
for name, model in models.items():
    rows[name] = model.fit(X_train).sample(12, random_state=0)
    print(f"{name:<12} R² of the reconstruction {model.score(X_test):.3f}")

# %%
fig, axes = plt.subplots(3, 12, figsize=(9, 2.5), subplot_kw={"xticks": [], "yticks": []})
for axes_row, (title, images) in zip(axes, rows.items(), strict=True):
    axes_row[0].set_ylabel(title, rotation=0, ha="right", va="center")
    for ax, image in zip(axes_row, images, strict=True):
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=16)
fig.tight_layout(h_pad=0.3, w_pad=0.3)
plt.show()

# %%
# Oversample a small class
# ------------------------
# Ten eights are kept, and about 135 of every other digit. The joint classifier generates samples of
# a given class. ``class_weight="balanced"`` gives the few eights as much weight as the other
# classes.

SMALL = 8
eights = np.flatnonzero(y_train == SMALL)
kept = np.setdiff1d(np.arange(len(y_train)), eights[10:])
X_few, y_few = X_train[kept], y_train[kept]

generator = AECNNClassifier(8, class_weight="balanced", max_epochs=9, **SETTINGS)
drawn = generator.fit(X_few, y_few).sample(120, y=SMALL, random_state=0)
copied = X_train[np.random.default_rng(0).choice(eights[:10], 120)]

# %%
# A nearest-neighbour classifier, which has no class weights, is trained on the images as they are,
# with copies of the ten eights, and with generated eights.

added = {"as they are": X_few[:0], "with copies": copied, "with samples": drawn}
print(f"{'':<12}   recall of the eights   accuracy")
for name, images in added.items():
    X = np.concatenate([X_few, images]).reshape(-1, 64)
    y = np.concatenate([y_few, np.full(len(images), SMALL)])
    predicted = KNeighborsClassifier().fit(X, y).predict(X_test.reshape(-1, 64))
    recall = recall_score(y_test, predicted, labels=[SMALL], average="macro")
    print(f"{name:<12}   {recall:>20.3f}   {np.mean(predicted == y_test):>8.3f}")

# %%
# Generated samples add no information: all that is known of eights comes from the ten. A classifier
# with class weights often does as well, in less time.

fig, axes = plt.subplots(2, 10, figsize=(8, 2), subplot_kw={"xticks": [], "yticks": []})
for axes_row, (title, images) in zip(
    axes, {"the ten eights": X_train[eights], "samples": drawn}.items(), strict=True
):
    axes_row[0].set_ylabel(title, rotation=0, ha="right", va="center")
    for ax, image in zip(axes_row, images[:10], strict=True):
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=16)
fig.tight_layout(h_pad=0.3, w_pad=0.3)
plt.show()
