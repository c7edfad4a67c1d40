"""
Denoise images in front of a classifier
=======================================

A denoising autoencoder is trained to reconstruct clean samples from noisy ones. With
``output="reconstruction"``, :class:`~sk_aecnn.AutoencoderTransformer` returns samples instead of
codes, so it can be used in a pipeline before any estimator that takes samples: here
:class:`~sk_aecnn.CNNClassifier`. Both are trained on clean digits and tested on noisy ones.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from sk_aecnn import AutoencoderTransformer, CNNClassifier

threadpool_limits(limits=1)  # networks this small gain little from more threads

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, digits.target, test_size=450, stratify=digits.target, random_state=0
)

# %%
# With and without
# ----------------
# ``noise="gaussian"`` adds normal noise to the standardised images during training, new noise in
# each batch. ``noise_level`` is its standard deviation, relative to that of the pixels. In
# prediction no noise is added.

SETTINGS = {"batch_size": 64, "random_state": 0}

cnn = CNNClassifier(max_epochs=5, **SETTINGS)
denoiser = AutoencoderTransformer(
    output="reconstruction", noise="gaussian", noise_level=0.6, max_epochs=10, **SETTINGS
)
models = {
    "CNN": cnn.fit(X_train, y_train),
    "denoiser + CNN": make_pipeline(denoiser, clone(cnn)).fit(X_train, y_train),
}

# %%
# Increasing noise
# ----------------
# The pixels of the test images have values from 0 to 16; the first column is the standard deviation
# of the normal noise.

rng = np.random.default_rng(0)
noisy = {level: X_test + rng.normal(0, level, X_test.shape) for level in (0, 2, 4, 6, 8)}

print("noise   " + "   ".join(models))
for level, images in noisy.items():
    scores = [f"{model.score(images, y_test):>{len(name)}.3f}" for name, model in models.items()]
    print(f"{level:>5}   {'   '.join(scores)}")

# %%
# Where there is little noise, the denoiser reduces the accuracy slightly, because its
# reconstructions are not exact.

shown = {
    "test image": X_test,
    "with noise of 6": noisy[6],
    "denoised": models["denoiser + CNN"][0].transform(noisy[6]),
}
fig, axes = plt.subplots(3, 10, figsize=(8, 2.8), subplot_kw={"xticks": [], "yticks": []})
for axes_row, (title, images) in zip(axes, shown.items(), strict=True):
    axes_row[0].set_ylabel(title, rotation=0, ha="right", va="center")
    for ax, image in zip(axes_row, images[:10], strict=True):
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=16)
fig.tight_layout(h_pad=0.3, w_pad=0.3)
plt.show()
