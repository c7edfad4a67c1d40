"""What may change where a fit goes on from the last one."""

import numpy as np
import pytest

from sk_aecnn.recipes._warm_start import check_unchanged

FITTED = {"encoding_dim": 3, "lr": "auto", "unlabeled": float("nan"), "weight_decay": 0.1}


@pytest.mark.parametrize(
    ("changed", "resolved"),
    [
        ({}, {}),
        ({"lr": 0.01, "weight_decay": 0.0}, {}),
        ({"unlabeled": np.nan}, {}),
        ({"encoding_dim": np.int64(3)}, {}),
        ({"encoding_dim": 4}, {"encoding_dim": 4}),
    ],
    ids=["nothing", "training", "NaN", "equal", "resolved"],
)
def test_what_leaves_the_network_as_it_is_may_change(changed, resolved):
    """Parameters of training, values that are equal, and what the last fit made of a parameter."""
    check_unchanged(FITTED | changed, FITTED, resolved)


@pytest.mark.parametrize("changed", [{"encoding_dim": 4}, {"unlabeled": -1}])
def test_another_network_is_refused(changed):
    """The error names the parameter, both values, and what to do."""
    (name,) = changed
    with pytest.raises(
        ValueError, match=rf"{name}={changed[name]} differs from {name}=.*warm_start"
    ):
        check_unchanged(FITTED | changed, FITTED, {})
