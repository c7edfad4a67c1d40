"""
Train on data larger than memory
================================

A memory-mapped array, ``numpy.load(..., mmap_mode="r")``, can be passed to ``fit`` and
``transform``: batches are read from the file when they are needed. If samples arrive in parts,
``partial_fit`` learns from one part after the other. The file here is small to keep the example
fast, but everything works in the same way with files that are larger than memory.
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
# A call trains for one epoch on its samples, at a constant learning rate, or with a schedule over
# all calls if their number of steps is known.

starts, batch_size = range(0, n_samples - 2_000, 2_000), 128
n_steps = len(starts) * -(-2_000 // batch_size)
scores = {}
for label, known in (("constant rate", None), (f"n_steps={n_steps}", n_steps)):
    stream = AutoencoderTransformer(5, batch_size=batch_size, random_state=0)
    scores[label] = []
    for start in starts:
        stream.partial_fit(X[start : start + 2_000], n_steps=known)
        scores[label].append(stream.score(new))
    print(f"partial_fit, {label}: R² on new samples {scores[label][-1]:.3f}")

fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
for label, values in scores.items():
    seen = 2_000 * np.arange(1, len(values) + 1)
    ax.plot(seen, values, ".-", label=f"partial_fit, {label}")
ax.axhline(whole.score(new), color="0.5", ls="--", label="fit, 4 epochs")
ax.set(xlabel="samples seen", ylabel="R² on new samples")
ax.legend()
plt.show()
folder.cleanup()
