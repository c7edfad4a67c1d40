"""
A code space of two dimensions
==============================

With ``encoding_dim=2`` the codes can be drawn. The autoencoder never sees a label; the labels,
added afterwards as colours, show which images of the same digit it has brought together. A PCA of
two components is drawn beside it.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from sk_aecnn import AutoencoderTransformer

threadpool_limits(limits=1)  # networks this small gain little from more threads

rows, labels = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    rows, labels, test_size=450, stratify=labels, random_state=0
)

# %%
# Two ways to the plane
# ---------------------
# PCA takes flat rows, so both get them; ``sample_shape`` tells the autoencoder that the rows are
# images of 8 x 8 pixels, and that it can convolve over them.

planes = {
    "autoencoder": AutoencoderTransformer(
        2, sample_shape=(8, 8), max_epochs=16, batch_size=32, random_state=0
    ),
    "PCA": PCA(2),
}
codes = {name: plane.fit(X_train).transform(X_test) for name, plane in planes.items()}

# %%
# The test images in the plane
# ----------------------------

fig, axes = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
for ax, (name, points) in zip(axes, codes.items(), strict=True):
    ax.scatter(*points.T, c=y_test, cmap="tab10", s=14, alpha=0.7)
    for label in range(10):
        middle = np.median(points[y_test == label], axis=0)
        ax.text(*middle, label, size=16, weight="bold", ha="center", va="center")
    ax.set(title=name, xlabel="first number of the code", ylabel="second number")
plt.show()

# %%
# Is it only the look?
# --------------------
# A nearest-neighbour classifier that sees nothing but the two numbers tells how far the classes are
# kept apart: its accuracy, cross-validated over the test images.

for name, points in codes.items():
    accuracy = cross_val_score(KNeighborsClassifier(5), points, y_test, cv=5)
    print(f"{name:<12} {accuracy.mean():.3f} ± {accuracy.std():.3f}")

# %%
# A walk through the plane
# ------------------------
# The decoder turns any point into an image, also points that no image was mapped to. Here it
# decodes a grid over the middle 90 % of the test codes, in either direction.

low, high = np.quantile(codes["autoencoder"], [0.05, 0.95], axis=0)
n_steps = 11
xs, ys = np.linspace(low, high, n_steps).T
grid = np.array([[x, y] for y in ys[::-1] for x in xs])
images = planes["autoencoder"].inverse_transform(grid).reshape(n_steps, n_steps, 8, 8)
tiles = np.pad(images, [(0, 0), (0, 0), (1, 1), (1, 1)])
canvas = tiles.swapaxes(1, 2).reshape(10 * n_steps, 10 * n_steps)

fig, ax = plt.subplots(figsize=(5.4, 5.4), layout="constrained")
ax.imshow(canvas, cmap="gray_r", vmin=0, vmax=16, extent=(low[0], high[0], low[1], high[1]))
ax.set(
    title="What the decoder draws at each point",
    xlabel="first number of the code",
    ylabel="second number",
    aspect="auto",
)
plt.show()
