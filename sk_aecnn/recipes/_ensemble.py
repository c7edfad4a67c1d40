"""How many networks predict together, what is beside them, and what is held out from them."""

from __future__ import annotations

from sk_aecnn.recipes._parameters import Parameters, is_auto, is_choice
from sk_aecnn.recipes._recipe import DataSummary, EnsembleRecipe
from sk_aecnn.recipes.defaults import (
    auto_early_stopping,
    auto_n_estimators,
    auto_scale_rates,
)


def resolve_ensemble(parameters: Parameters, summary: DataSummary) -> EnsembleRecipe:
    """Return how many networks predict together, and what tells how long they are trained.

    Parameters
    ----------
    parameters : dict
        Of the estimator.
    summary : DataSummary
        Number of samples, geometry, task.
    """
    if not summary.predicts:
        if parameters["early_stopping"] == "cv":
            raise ValueError(
                "early_stopping='cv' holds samples out from the members of an ensemble, and an "
                "autoencoder by itself has none. Pass early_stopping=True."
            )
        watched = summary.is_validated or parameters["early_stopping"] is True
        return EnsembleRecipe(early_stopping=watched)
    has_choice = isinstance(parameters.get("encoder", "auto"), str)
    is_table = not summary.geometry.spatial and has_choice
    n_estimators = _resolve_n_estimators(parameters, summary, is_table)
    linear_path = _resolve_linear_model(parameters, summary, is_table)
    stopping = _resolve_early_stopping(parameters, summary, n_estimators)
    rates: tuple[float, ...] = ()
    if stopping == "cv" and parameters["optimizer"] in ("adam", "adamw"):
        rates = auto_scale_rates(n_estimators, summary.task)
    return EnsembleRecipe(n_estimators, linear_path, stopping, is_table, rates)


def _resolve_n_estimators(parameters: Parameters, summary: DataSummary, is_table: bool) -> int:
    n_estimators, geometry = parameters["n_estimators"], summary.geometry
    if is_auto(n_estimators):
        networks = (parameters.get(name, "auto") for name in ("encoder", "decoder", "backend"))
        own = all(isinstance(network, str) for network in networks)
        known = geometry, summary.n_samples, summary.n_unlabeled
        return auto_n_estimators(*known, summary.trains_once, own)
    if n_estimators > 1 and not is_table:
        raise ValueError(
            f"n_estimators={n_estimators} trains an ensemble of dense encoders, but samples have "
            f"the shape {geometry.shape} and encoder={parameters.get('encoder')!r}. Pass "
            "n_estimators=1, or fit several estimators with sklearn.ensemble.BaggingClassifier or "
            "BaggingRegressor."
        )
    return int(n_estimators)


def _resolve_linear_model(parameters: Parameters, summary: DataSummary, is_table: bool) -> bool:
    """Return whether a linear model of the features is beside the back end, or the network."""
    linear_path = parameters["linear_path"]
    can_have = is_table or _are_sequences_of_classes(parameters, summary)
    can_have = can_have and _reads_features(parameters)
    if is_auto(linear_path):
        return can_have
    if linear_path and not can_have:
        raise ValueError(
            "linear_path=True puts a linear model beside the back end of a table, or beside a "
            "network that classifies sequences, all of whose samples have a label, but samples "
            f"have the shape {summary.geometry.shape}, encoder={parameters.get('encoder')!r}, "
            f"backend_input={parameters.get('backend_input')!r} and {summary.n_unlabeled} samples "
            "are unlabeled. Pass linear_path=False."
        )
    return bool(linear_path)


def _are_sequences_of_classes(parameters: Parameters, summary: DataSummary) -> bool:
    """Tell whether networks of this package see the positions of sequences whose classes are known.

    Numbers are not among what is predicted: where a network is much better than a linear model,
    its predictions of classes are surer than those, but its predictions of numbers are not.
    """
    networks = (parameters.get(name, "auto") for name in ("encoder", "decoder", "backend"))
    own = all(isinstance(network, str) for network in networks)
    sees_positions = not is_choice(parameters.get("encoder"), "dense")
    is_classifier = summary.task == "classifier" and summary.n_unlabeled == 0
    return own and sees_positions and is_classifier and len(summary.geometry.spatial) == 1


def _reads_features(parameters: Parameters) -> bool:
    """Tell whether what a back end sees is not the code, which all members of an ensemble share."""
    return not is_choice(parameters.get("backend_input"), "code")


def _resolve_early_stopping(
    parameters: Parameters, summary: DataSummary, n_estimators: int
) -> bool | str:
    stopping, reads_features = parameters["early_stopping"], _reads_features(parameters)
    if is_auto(stopping):
        if summary.is_validated:
            return True
        is_open = is_auto(parameters["max_epochs"]) and reads_features
        return auto_early_stopping(summary.geometry, n_estimators, summary.trains_once, is_open)
    if stopping != "cv" or not summary.trains_once:
        return stopping is True
    if n_estimators == 1 or summary.n_unlabeled > 0 or not reads_features:
        raise ValueError(
            "early_stopping='cv' holds a part of the samples out from each member of an ensemble, "
            f"but n_estimators={n_estimators}, {summary.n_unlabeled} samples are unlabeled and "
            f"backend_input={parameters.get('backend_input')!r}. Pass n_estimators=5, labels for "
            "all and backend_input='features', or early_stopping=True."
        )
    if summary.n_samples < n_estimators:
        raise ValueError(
            f"early_stopping='cv' with n_estimators={n_estimators} needs as many samples, but X "
            f"has {summary.n_samples}. Pass early_stopping=False."
        )
    return "cv"
