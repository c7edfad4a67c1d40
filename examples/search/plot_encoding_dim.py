"""
Choose the size of the code (latent dimension)
==============================================

How many numbers does a code need? The components of PCA are ordered, so that a single fit shows how
much of the variance is kept by any number of them. With ``nested=True``, the numbers of the code of
:class:`~sk_aecnn.AutoencoderTransformer` are ordered too, and ``explained_variance_ratio_`` is what
each of them adds.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from sk_aecnn import AutoencoderTransformer

threadpool_limits(limits=1)  # networks this small gain little from more threads

digits = load_digits()
X_train, X_test = train_test_split(digits.images, random_state=0)

nested = AutoencoderTransformer(24, nested=True, max_epochs=12, random_state=0).fit(X_train)
pca = PCA(24).fit(X_train.reshape(len(X_train), -1))

# %%
# The alternative is one fit for each size. It is better for that size, but takes as many fits as
# there are sizes.

sizes = (2, 4, 8, 16)
own = [
    AutoencoderTransformer(size, max_epochs=12, random_state=0).fit(X_train).score(X_test)
    for size in sizes
]

fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
numbers = np.arange(1, 25)
ax.plot(numbers, nested.explained_variance_ratio_.cumsum(), "o-", ms=3, label="nested, one fit")
ax.plot(sizes, own, "s", ms=7, label="a fit for each size")
ax.plot(numbers, pca.explained_variance_ratio_.cumsum(), "--", color="0.5", label="PCA")
ax.set(xlabel="numbers of the code", ylabel="R² of the reconstruction", ylim=(0, 1))
ax.legend()
plt.show()

# %%
# A share of the variance
# -----------------------
# As in PCA, ``encoding_dim`` can be a share of the variance. The code then has as many numbers as
# PCA needs for this share, and the autoencoder keeps more of the variance than that.

ae = AutoencoderTransformer(0.8, max_epochs=12, random_state=0).fit(X_train)
print(f"{ae.resolved_params_['encoding_dim']} numbers, R² on new images {ae.score(X_test):.3f}")
