"""
Regression on a table: ridge, boosting and a network
====================================================

:class:`~sk_aecnn.AECNNRegressor` takes columns in any units. On a table it is an ensemble of five
networks. Each starts as a linear model, some of them on columns that are divided into bins,
which can follow curves from the beginning, and is trained for as long as held-out samples agree. So
it should be as good as a linear model where the truth is close to linear, and better where it is
not. Two tables show both: scikit-learn's diabetes data, with much noise, and Friedman's first
function, which is smooth and depends on five of ten columns.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sk_aecnn import AECNNRegressor

threadpool_limits(limits=1)  # networks this small gain little from more threads

tables = {
    "diabetes": load_diabetes(return_X_y=True, scaled=False),
    "friedman1": make_friedman1(450, noise=1.0, random_state=0),
}
models = {
    "AECNNRegressor": AECNNRegressor(random_state=0),
    "RidgeCV": make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 4, 25))),
    "HistGradientBoosting": HistGradientBoostingRegressor(random_state=0),
}

# %%
# Cross-validation, all with their defaults
# -----------------------------------------

folds = KFold(3, shuffle=True, random_state=0)
results = {}
for table, (X, y) in tables.items():
    print(f"{table}: {X.shape[0]} samples of {X.shape[1]} columns")
    for name, model in models.items():
        results[table, name] = cross_validate(model, X, y, cv=folds, return_estimator=True)
        r2, seconds = results[table, name]["test_score"], results[table, name]["fit_time"]
        print(f"  {name:<21} R² {r2.mean():.3f} ± {r2.std():.3f}, {seconds.mean():.2f} s a fit")

# %%
# Before and during training
# --------------------------
# ``validation_scores_`` are minus the squared error of held-out samples, in units of the variance
# of the target: the first is that of the linear models, before any training. What is kept is
# the last epoch that is as good as the best one.

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for table in tables:
    network = results[table, "AECNNRegressor"]["estimator"][0]
    left.plot(1 + network.validation_scores_, label=table)
left.set(
    xlabel="epoch", ylabel="1 − held-out squared error", title="Held-out samples during training"
)
left.legend()

positions = np.arange(len(tables))
for k, name in enumerate(models):
    scores = np.array([results[table, name]["test_score"] for table in tables])
    right.bar(positions + 0.26 * (k - 1), scores.mean(axis=1), 0.24, label=name)
right.set_xticks(positions, tables)
right.set(ylabel="R², mean of three folds", ylim=(0, 1), title="Compared with other models")
right.legend(fontsize="small", loc="upper left")
plt.show()

# %%
# On the diabetes data the network is as good as ridge regression, and no better: with 295 samples
# to learn from and this much noise, nothing can be found beyond it, and boosting is behind both. On
# Friedman's function the network is ahead of boosting, and the bins alone bring it most of the way
# from ridge regression. :doc:`/guide/quality` has more tables, also those where boosting is ahead.

# %%
# Several targets
# ---------------
# With as many columns in ``y`` as there are targets, one network predicts them all, and the rows of
# ``predict`` have as many.

X, y = tables["friedman1"]
both = AECNNRegressor(max_epochs=30, random_state=0).fit(X, np.column_stack([y, X[:, 3] ** 2]))
print(both.predict(X[:2]).round(2))
