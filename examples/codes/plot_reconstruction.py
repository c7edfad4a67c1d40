"""
Compress images: an autoencoder and PCA
=======================================

An autoencoder reconstructs each sample from a code of a few numbers. The quality of the
reconstruction depends on the size of the code. Here scikit-learn's digits, flat rows of 64 pixels,
are reconstructed from 2, 6 and 18 numbers, and compared with a PCA of as many components.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from sk_aecnn import AutoencoderTransformer

threadpool_limits(limits=1)  # networks this small gain little from more threads

rows = load_digits().data  # (1797, 64), values from 0 to 16
X_train, X_test = train_test_split(rows, test_size=450, random_state=0)

# %%
# Fit one model per code size
# ---------------------------
# The two transformers are used in the same way. For flat rows the autoencoder has dense layers;
# with images, or with ``sample_shape=(8, 8)``, it would have convolutional ones.

code_sizes = [2, 6, 18]
reconstructed = {}
for size in code_sizes:
    transformers = {
        "autoencoder": AutoencoderTransformer(size, max_epochs=20, batch_size=64, random_state=0),
        "PCA": PCA(size),
    }
    for name, transformer in transformers.items():
        codes = transformer.fit(X_train).transform(X_test)
        reconstructed[name, size] = transformer.inverse_transform(codes)

# %%
# How good are they?
# ------------------
# R², over all pixels of the test images: 1 is a perfect reconstruction, 0 is no better than the
# mean image. For the autoencoder it is what ``score(X_test)`` returns.

r2 = {
    key: r2_score(X_test, rows, multioutput="variance_weighted")
    for key, rows in reconstructed.items()
}
print("code size   autoencoder     PCA")
for size in code_sizes:
    print(f"{size:>9}   {r2['autoencoder', size]:>11.3f}   {r2['PCA', size]:.3f}")

# %%
# The smaller the code, the larger the advantage of the autoencoder: the reconstructions of PCA lie
# in a linear subspace, those of the autoencoder on a curved surface. With more numbers the
# difference becomes smaller, and with as many as there are pixels PCA is exact.

fig, axes = plt.subplots(
    1 + len(reconstructed), 10, figsize=(8, 6.2), subplot_kw={"xticks": [], "yticks": []}
)
shown = {"test image": X_test} | {
    f"{name}, {size}\nR² {r2[name, size]:.2f}": rows for (name, size), rows in reconstructed.items()
}
for axes_row, (title, rows) in zip(axes, shown.items(), strict=True):
    axes_row[0].set_ylabel(title, rotation=0, ha="right", va="center")
    for ax, row in zip(axes_row, rows[:10], strict=True):
        ax.imshow(row.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
fig.suptitle("Ten test images and their reconstructions")
fig.tight_layout(h_pad=0.3, w_pad=0.3)
plt.show()
