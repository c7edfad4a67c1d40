"""
Tune an autoencoder in a pipeline with GridSearchCV
===================================================

:class:`~sk_aecnn.AutoencoderTransformer` is used as any other transformer: in a ``Pipeline``, with
parameters tuned by ``GridSearchCV``. The pipeline can cache the fitted transformer, so that it is
not trained again when the classifier after it is tuned.
"""

import tempfile

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from sk_aecnn import AutoencoderTransformer

threadpool_limits(limits=1)  # networks this small gain little from more threads

rows, labels = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    rows, labels, test_size=450, stratify=labels, random_state=0
)

# %%
# Search for the size of the code
# -------------------------------
# The name of the step and the name of the parameter are joined by two underscores. With
# ``n_jobs=2`` two of the fits would run in parallel.

ae = AutoencoderTransformer(max_epochs=4, random_state=0)
pipe = Pipeline([("ae", ae), ("clf", LogisticRegression(max_iter=1000))])
search = GridSearchCV(pipe, {"ae__encoding_dim": [2, 4, 8, 16]}, cv=3)
search.fit(X_train, y_train)
print(search.best_params_, f"accuracy on the test images: {search.score(X_test, y_test):.3f}")

# %%
results = search.cv_results_
sizes = results["param_ae__encoding_dim"].astype(int)

fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
ax.errorbar(sizes, results["mean_test_score"], yerr=results["std_test_score"], marker="o")
ax.set(xlabel="encoding_dim", ylabel="accuracy, mean ± std of 3 folds")
ax.set_xscale("log", base=2)
ax.set_xticks(sizes, labels=sizes)
plt.show()

# %%
# Without labels
# --------------
# ``score`` of the autoencoder is the R² of its reconstruction, so its parameters can be tuned
# without labels.

alone = GridSearchCV(ae, {"activation": ["relu", "silu"]}, cv=2).fit(X_train)
for params, r2 in zip(
    alone.cv_results_["params"], alone.cv_results_["mean_test_score"], strict=True
):
    print(params, f"R² {r2:.3f}")

# %%
# Cache the transformer
# ---------------------
# With ``memory``, the pipeline stores fitted transformers on disk, and loads them when the same
# transformer is fitted to the same data again. The search below tries six values of the
# classifier's ``C`` on three folds: eighteen fits of the pipeline, but only three of the
# autoencoder, all of them in the first line of the output. (Set ``random_state`` to a number here:
# with ``None``, the cache would return its first result again.)

with tempfile.TemporaryDirectory() as cache:
    pipe = Pipeline(pipe.steps, memory=cache)
    search = GridSearchCV(pipe, {"clf__C": np.logspace(-2, 3, 6)}, cv=3, refit=False)
    search.fit(X_train, y_train)

columns = ("param_clf__C", "mean_test_score", "mean_fit_time")
for C, accuracy, seconds in zip(*(search.cv_results_[name] for name in columns), strict=True):
    print(f"C = {C:<7g}   accuracy {accuracy:.3f}   mean fit time {seconds:.2f} s")
