"""
Train on a file that is larger than memory
==========================================

An array that lies in a file can be passed as it is: ``numpy.load(..., mmap_mode="r")``. Batches are
read when they are needed, and so are the parts of ``transform``. The file here is small, so that
the example is fast; nothing in it depends on that. Where samples arrive in parts, ``partial_fit``
learns from one part after the other.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from threadpoolctl import threadpool_limits

from sk_aecnn import AutoencoderTransformer

threadpool_limits(limits=1)  # networks this small gain little from more threads

# %%
# A file, written part by part
# ----------------------------

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "samples.npy"
n_samples, n_features, n_hidden = 40_000, 64, 5
rng = np.random.default_rng(0)
mixing = rng.normal(size=(n_hidden, n_features))
X = np.lib.format.open_memmap(path, "w+", np.float32, (n_samples, n_features))
for start in range(0, n_samples, 10_000):
    hidden = rng.normal(size=(10_000, n_hidden))
    X[start : start + 10_000] = np.tanh(hidden @ mixing) + 0.1 * rng.normal(size=(10_000, 64))
X.flush()
print(f"{path.stat().st_size / 2**20:.0f} MiB in {path.name}")

# %%
# One fit over the whole file
# ---------------------------

X = np.load(path, mmap_mode="r")
new = np.asarray(X[-2_000:])
whole = AutoencoderTransformer(5, max_epochs=4, random_state=0).fit(X[:-2_000])
print(f"fit: R² on new samples {whole.score(new):.3f}")

# %%
# Part after part
# ---------------
# A call trains for one epoch on its samples, at a constant learning rate.

stream = AutoencoderTransformer(5, lr=0.003, random_state=0)
scores = []
for start in range(0, n_samples - 2_000, 2_000):
    stream.partial_fit(X[start : start + 2_000])
    scores.append(stream.score(new))

fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
ax.plot(2_000 * np.arange(1, len(scores) + 1), scores, "o-", label="partial_fit, 2 000 a call")
ax.axhline(whole.score(new), color="0.5", ls="--", label="fit, 4 epochs")
ax.set(xlabel="samples seen", ylabel="R² on new samples")
ax.legend()
plt.show()
folder.cleanup()
