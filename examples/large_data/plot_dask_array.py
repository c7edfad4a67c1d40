"""
Train on a Dask array block by block, and predict in parallel
=============================================================

A Dask array is a plan to compute blocks, which may be read from many files and need not fit into
memory together. ``partial_fit`` trains on one block after the other, and ``map_blocks`` applies the
fitted estimator to all blocks with the scheduler that Dask uses: threads here, a cluster elsewhere.
Dask is installed with ``pip install 'sk-aecnn[dask]'``.
"""

import dask.array as da
import matplotlib.pyplot as plt
import numpy as np
from threadpoolctl import threadpool_limits

from sk_aecnn import AutoencoderTransformer

threadpool_limits(limits=1)  # networks this small gain little from more threads

# %%
# An array of twenty blocks
# -------------------------
# Sixty features that depend on three hidden variables. Nothing is computed yet.

mixing = np.random.default_rng(0).normal(size=(3, 60)) / np.sqrt(3)
hidden = da.random.default_rng(0).normal(size=(40_000, 3), chunks=(2_000, 3))
noise = da.random.default_rng(1).normal(size=(40_000, 60), scale=0.1, chunks=(2_000, 60))
X = da.sin(2 * hidden @ mixing) + noise
print(X.blocks.shape[0], "blocks of", X.chunksize)

# %%
# Train on one block after the other
# ----------------------------------
# As the number of steps is known, the learning rate follows a schedule over all of them.

batch_size = 128
n_steps = sum(-(-n_rows // batch_size) for n_rows in X.chunks[0])
new = X[:2_000].compute()  # the first block is kept for testing
model = AutoencoderTransformer(3, batch_size=batch_size, random_state=0)
scores = []
for block in X.blocks.ravel()[1:]:
    model.partial_fit(block.compute(), n_steps=n_steps)
    scores.append(model.score(new))
print(f"R² on new samples {scores[-1]:.3f}")

# %%
# Encode all blocks
# -----------------
# The codes are a Dask array too, computed when they are needed, here for their covariance.

codes = X.map_blocks(model.transform, dtype="float32", chunks=(X.chunks[0], (3,)))
print(da.cov(codes, rowvar=False).compute().round(2))

# %%

seen = 2_000 * np.arange(1, len(scores) + 1)
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
left.plot(seen, scores, ".-")
left.set(xlabel="samples seen", ylabel="R² on new samples", title="partial_fit, block by block")
first = codes[:2_000].compute()
right.scatter(*first[:, :2].T, c=first[:, 2], s=5, cmap="viridis")
right.set(xlabel="first number of the code", ylabel="second", title="codes of one block")
plt.show()
