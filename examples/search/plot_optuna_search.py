"""
Hyperparameter search with Optuna
=================================

An estimator of this package is tuned with `Optuna <https://optuna.org>`_ as any other one of
scikit-learn: an objective builds it from what a trial suggests and returns its score in
cross-validation. Poor trials are pruned: each fold is reported, and a trial that is behind the
median of the others is given up after the first one.

Optuna is no dependency of the package: ``pip install optuna``.
"""

import matplotlib.pyplot as plt
import numpy as np
import optuna
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, train_test_split
from threadpoolctl import threadpool_limits

from sk_aecnn import CNNClassifier

threadpool_limits(limits=1)  # networks this small gain little from more threads
optuna.logging.set_verbosity(optuna.logging.WARNING)

digits = load_digits()
X, X_test, y, y_test = train_test_split(
    digits.images, digits.target, train_size=300, stratify=digits.target, random_state=0
)

# %%
# The objective
# -------------
# Three of the :doc:`parameters to try first </guide/parameters>` of a classifier of images are
# searched, at a number of epochs that keeps trials short; all others are left to the data.

MAX_EPOCHS = 8
folds = list(StratifiedKFold(2, shuffle=True, random_state=0).split(X, y))


def build(params):
    params = params.copy()
    contrast = params.pop("contrast")
    augmentation = {"translate": 0.13, "contrast": contrast, "brightness": contrast}
    return CNNClassifier(augmentation=augmentation, max_epochs=MAX_EPOCHS, random_state=0, **params)


def objective(trial):
    params = {
        "lr": trial.suggest_float("lr", 1e-3, 5e-2, log=True),
        "batch_size": trial.suggest_categorical("batch_size", [32, 64, 128]),
        "contrast": trial.suggest_float("contrast", 0.0, 0.6),
    }
    scores = []
    for step, (train, held_out) in enumerate(folds):
        model = build(params).fit(X[train], y[train])
        scores.append(model.score(X[held_out], y[held_out]))
        trial.report(np.mean(scores), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return np.mean(scores)


study = optuna.create_study(
    direction="maximize",
    sampler=optuna.samplers.TPESampler(seed=0),
    pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
)
study.optimize(objective, n_trials=10)
print(f"best of {len(study.trials)} trials: {study.best_value:.3f}, {study.best_params}")

# %%
# The trials
# ----------

fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
for state, marker in (
    (optuna.trial.TrialState.COMPLETE, "o"),
    (optuna.trial.TrialState.PRUNED, "x"),
):
    trials = study.get_trials(states=[state])
    values = [list(trial.intermediate_values.values())[-1] for trial in trials]
    rates = [trial.params["lr"] for trial in trials]
    ax.scatter(rates, values, marker=marker, label=state.name.lower())
ax.set(xscale="log", xlabel="lr", ylabel="accuracy in cross-validation")
ax.set_xticks([0.001, 0.003, 0.01, 0.03], ["0.001", "0.003", "0.01", "0.03"])
ax.minorticks_off()
ax.set_title("Trials of an Optuna study")
ax.legend()
plt.show()

# %%
# Was it worth it?
# ----------------
# The setting that was found and the defaults, trained on all 300 images for as many epochs, and the
# defaults with the number of epochs that they choose themselves.

models = {
    "tuned": build(study.best_params),
    "defaults": CNNClassifier(max_epochs=MAX_EPOCHS, random_state=0),
    "defaults, epochs too": CNNClassifier(random_state=0),
}
for name, model in models.items():
    accuracy = model.fit(X, y).score(X_test, y_test)
    print(f"{name:<21} accuracy on new images {accuracy:.3f} after {model.n_iter_} epochs")

# %%
# The search gains less than the further epochs do: with so few trials and images, neighbouring
# settings are hard to tell apart, and the defaults were chosen for their own number of epochs. When
# you search, leave ``max_epochs`` at what you will use in the end.
