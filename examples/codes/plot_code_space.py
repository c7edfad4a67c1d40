"""
Visualise data in two dimensions
================================

With ``encoding_dim=2`` the codes can be plotted. The autoencoder is trained without labels; the
colours show how well the digits are separated all the same. The plot beside it is a PCA of two
components.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from sk_aecnn import AutoencoderTransformer, CodeSpaceDisplay

threadpool_limits(limits=1)  # networks this small gain little from more threads

rows, labels = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    rows, labels, test_size=450, stratify=labels, random_state=0
)

# %%
# Two transformers
# ----------------
# PCA takes flat rows, so both get them; with ``sample_shape`` the autoencoder treats the rows as
# images of 8 x 8 pixels and convolves over them.

planes = {
    "autoencoder": AutoencoderTransformer(
        2, sample_shape=(8, 8), max_epochs=16, batch_size=64, random_state=0
    ),
    "PCA": PCA(2),
}
codes = {name: plane.fit(X_train).transform(X_test) for name, plane in planes.items()}

# %%
# The test images in the plane
# ----------------------------

fig, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
for ax, (name, points) in zip(axes, codes.items(), strict=True):
    CodeSpaceDisplay.from_codes(points, y_test, ax=ax)
    ax.set_title(name)
plt.show()

# %%
# How well are the classes separated?
# -----------------------------------
# The cross-validated accuracy, on the test images, of a nearest-neighbour classifier that sees
# nothing but the two numbers.

for name, points in codes.items():
    accuracy = cross_val_score(KNeighborsClassifier(5), points, y_test, cv=5)
    print(f"{name:<12} {accuracy.mean():.3f} ± {accuracy.std():.3f}")

# %%
# Decode a grid
# -------------
# The decoder maps any point to an image, also points that are not the code of an image. Here it
# decodes a grid over the central 90 % of the test codes in each direction, under small points that
# are the codes.

CodeSpaceDisplay.from_estimator(
    planes["autoencoder"],
    X_test,
    y_test,
    grid_size=11,
    image_kwargs={"cmap": "gray_r", "vmin": 0, "vmax": 16},
    scatter_kwargs={"s": 6},
)
plt.show()
