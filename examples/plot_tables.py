"""
Tables in their own units
=========================

The columns of a table have units of their own. In the breast cancer data, areas run into the
thousands, while fractal dimensions stay below 0.1; a squared error in raw units would see little
but the areas. The networks therefore standardise their input inside, and undo it in what they
return: data go in, and reconstructions come out, in the units of the table.
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
X_train, X_test = train_test_split(cancer.data, random_state=0)
for column in (3, 9):
    print(f"{cancer.feature_names[column]:<24} from {X_train[:, column].min():.3g}", end=" ")
    print(f"to {X_train[:, column].max():.4g}")

# %%
# What ``scaling`` changes
# ------------------------
# ``"auto"`` looks at the ranges of the columns. Where they differ as much as here, it chooses
# ``"feature"``: every column has a scale of its own. ``"shared"``, meant for pixels and the like,
# gives all columns one scale, and the small columns hardly count. The R² of each column tells:


def r2_of_columns(model, X):
    error = model.reconstruction_error(X, per_feature=True).mean(axis=0)
    return 1 - error / X.var(axis=0)


r2 = {
    scaling: r2_of_columns(
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
    title="Reconstruction of 30 columns from 6 numbers",
    xlabel="columns, from the smallest to the largest standard deviation",
    ylabel="R² on test rows (cut at −0.25)",
)
ax.legend()
plt.show()

# %%
# A classifier on the raw table
# -----------------------------
# :class:`~sk_aecnn.AECNNClassifier` needs no ``StandardScaler`` in front of it. Beside it, a
# logistic regression that has one: a small table like this is where simple models do well.

models = {
    "AECNNClassifier": AECNNClassifier(encoding_dim=6, max_epochs=25, random_state=0),
    "LogisticRegression": make_pipeline(StandardScaler(), LogisticRegression()),
}
for name, model in models.items():
    accuracy = cross_val_score(model, cancer.data, cancer.target, cv=3)
    print(f"{name:<20} accuracy {accuracy.mean():.3f} ± {accuracy.std():.3f}")
