"""
Plot reconstructions, codes, losses and errors
==============================================

The package draws what a fitted estimator has learned with displays that work as scikit-learn's do:
``from_estimator`` computes and draws, ``plot`` draws again, ``ax_`` and ``figure_`` are those of
matplotlib. They take arrays, data frames, images and sequences.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from sk_aecnn import (
    AECNNClassifier,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CodeSizeDisplay,
    CodeSpaceDisplay,
    LossCurveDisplay,
    ReconstructionDisplay,
    ReconstructionErrorDisplay,
)

threadpool_limits(limits=1)  # networks this small gain little from more threads

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, digits.target, test_size=450, stratify=digits.target, random_state=0
)

# %%
# Samples and their reconstructions
# ---------------------------------
# Images stand above their reconstructions and above maps of the absolute error.

ae = AutoencoderTransformer(8, max_epochs=8, random_state=0).fit(X_train)
ReconstructionDisplay.from_estimator(ae, X_test, image_kwargs={"cmap": "gray_r"})
plt.show()

# %%
# Of a table, each column has a bar: its error relative to that of the mean, of those that are
# reconstructed worst.

cancer = load_breast_cancer(as_frame=True)
table = AutoencoderTransformer(6, max_epochs=20, random_state=0).fit(cancer.data)
ReconstructionDisplay.from_estimator(table, cancer.data, max_features=12)
plt.show()

# %%
# The code space
# --------------
# Longer codes than those of two units are drawn by their two principal axes.

CodeSpaceDisplay.from_estimator(ae, X_test, y_test)
plt.show()

# %%
# Losses by epoch
# ---------------
# Both phases of a fit with pretraining, and the losses of held-out samples.

model = AECNNClassifier(8, pretrain_epochs=3, max_epochs=8, early_stopping=True, random_state=0)
LossCurveDisplay.from_estimator(model.fit(X_train, y_train))
plt.show()

# %%
# The distribution of errors
# --------------------------
# A detector that was trained on benign tumours, the threshold beyond which it calls samples
# outliers, and the scores of both kinds.

benign = cancer.data[cancer.target == 1]
detector = AutoencoderOutlierDetector(6, max_epochs=20, random_state=0).fit(benign[:300])
names = cancer.target_names[cancer.target]
ReconstructionErrorDisplay.from_estimator(detector, cancer.data, names)
plt.show()

# %%
# How large a code?
# -----------------
# The autoencoder is fitted with codes of several sizes, and scored on held-out samples. The curve
# of PCA is drawn on the same axes, from a single fit.

rows = digits.data
display = CodeSizeDisplay.from_estimator(
    AutoencoderTransformer(max_epochs=8, random_state=0), rows, code_sizes=[2, 6, 16], cv=2
)
ratio = PCA(16).fit(rows).explained_variance_ratio_
CodeSizeDisplay.from_explained_variance(ratio, name="PCA", ax=display.ax_)
plt.show()
