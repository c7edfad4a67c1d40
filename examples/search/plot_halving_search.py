"""
Hyperparameter search with successive halving
=============================================

``HalvingRandomSearchCV`` of scikit-learn tries many settings on few samples, keeps the better
third, and tries these on three times as many. Every estimator of this package can be searched so,
alone or as a step of a pipeline; parameters that are left at ``"auto"`` follow the number of
samples of each round.
"""

import matplotlib.pyplot as plt
import pandas as pd
from scipy.stats import loguniform
from sklearn.datasets import load_digits
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingRandomSearchCV, train_test_split
from threadpoolctl import threadpool_limits

from sk_aecnn import CNNClassifier

threadpool_limits(limits=1)  # networks this small gain little from more threads

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, digits.target, test_size=450, stratify=digits.target, random_state=0
)
search = HalvingRandomSearchCV(
    CNNClassifier(max_epochs=8, random_state=0),
    {
        "lr": loguniform(1e-4, 1e-1),
        "batch_size": [32, 64, 128],
        "label_smoothing": [0.0, 0.1],
        "conv_channels": [(8,), (16,), (16, 32)],
    },
    n_candidates=9,
    min_resources=140,
    cv=2,
    random_state=0,
).fit(X_train, y_train)
print(search.best_params_)
print(f"accuracy on new images {search.score(X_test, y_test):.3f}")

# %%
# Which settings survived
# -----------------------

results = pd.DataFrame(search.cv_results_)
fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
for round_, group in results.groupby("iter"):
    size = 25 + 35 * round_
    n_samples = group.n_resources.iloc[0]
    ax.scatter(group.param_lr, group.mean_test_score, size, alpha=0.7, label=f"{n_samples} samples")
ax.set(xscale="log", xlabel="lr", ylabel="accuracy in cross-validation", ylim=(0, 1.02))
ax.legend()
plt.show()
