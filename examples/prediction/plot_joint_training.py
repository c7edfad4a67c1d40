r"""
Train an autoencoder and a classifier jointly
=============================================

:class:`~sk_aecnn.AECNNClassifier` minimises

.. math:: J = \text{cross-entropy} + \lambda \, R,

with :math:`\lambda` its ``reconstruction_weight`` and :math:`R` the reconstruction error: 0 for a
perfect reconstruction, 1 for the mean of the training data. This example plots both losses during
training, and shows the effect of :math:`\lambda`.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from sk_aecnn import AECNNClassifier, LossCurveDisplay

threadpool_limits(limits=1)  # networks this small gain little from more threads

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, digits.target, test_size=450, stratify=digits.target, random_state=0
)

# %%
# Three weights
# -------------
# With ``backend_input="code"`` the classifier sees only the code, here eight numbers, which both
# tasks have to share. (By default it sees the feature map that the code is computed from.)

SETTINGS = {"conv_channels": (16, 32), "batch_size": 64, "random_state": 0}

models = {}
for weight in (0.01, 1.0, 100.0):
    model = AECNNClassifier(
        8, reconstruction_weight=weight, backend_input="code", max_epochs=7, **SETTINGS
    )
    models[weight] = model.fit(X_train, y_train)

# %%
# The history has each loss
# -------------------------
# ``history_`` is a list with a dictionary for each epoch. The last one of the middle model:

for name, value in models[1.0].history_[-1].items():
    print(f"{name:<26} {value:.3f}")

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for ax, loss in zip(axes, ["classification_loss", "reconstruction_loss"], strict=True):
    for weight, model in models.items():
        LossCurveDisplay.from_estimator(model, ax=ax, names=[loss], estimator_name=f"{weight:g}")
plt.show()

# %%
# On test images
# --------------
# With a small weight the code represents mostly what distinguishes the classes; with a large one,
# mostly what the reconstruction needs.

flat = X_test.reshape(-1, 64)
print("reconstruction_weight   accuracy   reconstruction R²")
for weight, model in models.items():
    r2 = r2_score(flat, model.reconstruct(X_test).reshape(-1, 64), multioutput="variance_weighted")
    print(f"{weight:>21g}   {model.score(X_test, y_test):>8.3f}   {r2:>17.3f}")

# %%
# Differences of a few thousandths in the accuracy depend on ``random_state``: one test image is
# 0.002.
#
# ``reconstruction_weight=0`` gives a plain convolutional classifier. Its decoder is not trained,
# so it has no ``reconstruct``.

plain = AECNNClassifier(reconstruction_weight=0, max_epochs=4, **SETTINGS).fit(X_train, y_train)
print(f"accuracy {plain.score(X_test, y_test):.3f}, reconstructs: {hasattr(plain, 'reconstruct')}")
