"""
Tabular data without a scaler: features in different units
==========================================================

The features of a table often have different units. In the breast cancer data, areas have values in
the thousands, while fractal dimensions are below 0.1; a squared error in these units would depend
on the areas alone. The networks therefore standardise their input inside, and undo it in what they
return: input and reconstructions are in the units of the table.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sk_aecnn import AECNNClassifier, AutoencoderTransformer

threadpool_limits(limits=1)  # for networks this small, more threads gain little

cancer = load_breast_cancer()
X_train, X_test, y_train, _ = train_test_split(cancer.data, cancer.target, random_state=0)
for column in (3, 9):
    print(f"{cancer.feature_names[column]:<24} from {X_train[:, column].min():.3g}", end=" ")
    print(f"to {X_train[:, column].max():.4g}")

# %%
# What ``scaling`` changes
# ------------------------
# ``"auto"`` compares the ranges of the features. Where they differ as much as here, it chooses
# ``"feature"``: every feature has its own scale. ``"shared"``, for pixels and other values of one
# kind, has one scale for all features, so that the small ones hardly count. This is the R² of each:


def r2_of_features(model, X):
    error = model.reconstruction_error(X, per_feature=True).mean(axis=0)
    return 1 - error / X.var(axis=0)


r2 = {
    scaling: r2_of_features(
        AutoencoderTransformer(6, scaling=scaling, max_epochs=50, random_state=0).fit(X_train),
        X_test,
    )
    for scaling in ("auto", "shared")
}

# %%
order = np.argsort(cancer.data.std(axis=0))

fig, ax = plt.subplots(figsize=(8, 4.6), layout="constrained")
for scaling, values in r2.items():
    ax.plot(np.clip(values[order], -0.25, 1), "o-", label=f'scaling="{scaling}"')
ax.axhline(0, color="0.6", lw=1)
ax.set_xticks(range(len(order)), cancer.feature_names[order], rotation=60, ha="right", size=7)
ax.set(
    title="Reconstruction of 30 features from 6 numbers",
    xlabel="features, from the smallest to the largest standard deviation",
    ylabel="R² on test samples (clipped at −0.25)",
)
ax.legend()
plt.show()

# %%
# A classifier on the raw table
# -----------------------------
# :class:`~sk_aecnn.AECNNClassifier` needs no ``StandardScaler``: it encodes each column by the kind
# of its values. On tables it is an ensemble of five members. Each starts as a logistic regression,
# and a fifth of the samples is held out from it. Held-out samples decide how long to train;
# ``validation_scores_`` is their log-likelihood before training and after each epoch.

classifier = AECNNClassifier(encoding_dim=6, random_state=0).fit(X_train, y_train)
scores = classifier.validation_scores_
print(f"held-out log-likelihood {scores[0]:.4f} at the start, at best {scores.max():.4f}")
print(f"after {scores.argmax()} of {classifier.n_iter_} epochs")
resolved = classifier.resolved_params_
print({name: resolved[name] for name in ("n_estimators", "early_stopping", "n_bins", "scaling")})

# %%
# For comparison, a logistic regression with a ``StandardScaler``: on a small table like this,
# simple models do well, and a network should not do worse.

models = {
    "AECNNClassifier": classifier,
    "LogisticRegression": make_pipeline(StandardScaler(), LogisticRegression()),
}
for name, model in models.items():
    losses = -cross_val_score(model, cancer.data, cancer.target, cv=3, scoring="neg_log_loss")
    print(f"{name:<20} log-loss {losses.mean():.3f} ± {losses.std():.3f}")
