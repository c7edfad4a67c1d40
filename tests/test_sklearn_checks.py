"""scikit-learn's own checks, on every estimator in several configurations."""

import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import product

import pytest
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_global_output_transform_pandas,
    check_global_set_output_transform_polars,
    check_inplace_ensure_writeable,
    check_param_validation,
    check_sample_weight_equivalence_on_dense_data,
    check_sample_weight_equivalence_on_sparse_data,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_set_output_transform_polars,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
    parametrize_with_checks,
)

from sk_aecnn import (
    AECNNClassifier,
    AECNNRegressor,
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    CNNClassifier,
    CNNRegressor,
    VariationalAutoencoderTransformer,
)

# checks ask for a training accuracy above 0.83 on 200 rows: 40 steps at 0.01 reach it
SMALL = {"encoding_dim": 4, "hidden_layer_sizes": (32,), "max_epochs": 40, "lr": 0.01}
SMALL_JOINT = SMALL | {"backend_channels": (8,), "dense_units": 16}
SMALL_CNN = {"conv_channels": (8,), "dense_units": 16, "max_epochs": 40, "lr": 0.01}
# rows of any length, read as sequences of single values
SEQUENCES = {"channel_axis": None, "conv_channels": (8,)}

# each estimator as it comes, and one of each kind with everything else that changes its fit
CONFIGURATIONS = [
    AutoencoderTransformer(),
    AutoencoderTransformer(**SMALL, **SEQUENCES, early_stopping=True, output="reconstruction"),
    VariationalAutoencoderTransformer(),
    AutoencoderImputer(),
    AutoencoderOutlierDetector(),
    AECNNClassifier(),
    AECNNClassifier(
        **SMALL_JOINT,
        **SEQUENCES,
        early_stopping=True,
        backend="cnn",
        backend_input="code",
        pretrain_epochs=5,
        freeze_encoder=True,
    ),
    AECNNRegressor(),
    CNNClassifier(),
    CNNRegressor(),
]


DENSE, SPARSE = (f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse"))


def expected_failures(estimator):
    """Return the checks that fail for a reason, and the reasons."""
    asked_in_vain = "scikit-learn 1.6 asks those that take no sparse rows too"
    if isinstance(estimator, AutoencoderImputer):  # whose checks have nothing to fill in
        return {SPARSE: asked_in_vain}
    reason = why_weights_differ(estimator)
    if get_tags(estimator).input_tags.sparse:
        return {DENSE: reason, SPARSE: reason}
    return {DENSE: reason, SPARSE: asked_in_vain}


def why_weights_differ(estimator):
    """Return why a row of weight two is not the same as two rows."""
    if isinstance(estimator, VariationalAutoencoderTransformer):
        return "one code is drawn for a row of weight two, one for each of two equal rows"
    if estimator.early_stopping is True or hasattr(estimator, "n_estimators"):
        return "a row of weight two is held out as one row, two rows may be held out apart"
    return "compares at a tolerance of 1e-7, half a digit beyond single precision"


# some checks fit on noise, in which there is nothing to learn: a warning of that is right
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.usefixtures("few_epochs")
@parametrize_with_checks(CONFIGURATIONS, expected_failed_checks=expected_failures)
def test_passes_the_check(estimator, check):
    """Every check of `check_estimator` passes, but for those excused above with a reason."""
    check(estimator)


# what no count of rows, and no draw for each, decides
BY_WEIGHT = {
    "n_estimators": 1,
    "n_bins": None,
    "linear_path": False,
    "dropout": 0.0,
    "precision": "float64",
}
IN_DOUBLE_PRECISION = [
    # from PCA on, where gradients are near zero, steps of Adam enlarge rounding beyond 1e-7
    AutoencoderTransformer(**SMALL, precision="float64", linear_path=False),
    AutoencoderOutlierDetector(**SMALL, noise=None, precision="float64"),
    AECNNClassifier(**SMALL_JOINT, **BY_WEIGHT),
    AECNNClassifier(**SMALL_JOINT, pretrain_epochs=5, freeze_encoder=True, **BY_WEIGHT),
    AECNNRegressor(**SMALL_JOINT, **BY_WEIGHT),
    CNNClassifier(**SMALL_CNN, **BY_WEIGHT),
    CNNRegressor(**SMALL_CNN, **BY_WEIGHT),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("estimator", IN_DOUBLE_PRECISION, ids=lambda one: type(one).__name__)
def test_a_sample_of_weight_two_is_two_samples(estimator):
    """scikit-learn's checks of weights, excused above, pass in double precision."""
    name = type(estimator).__name__
    check_sample_weight_equivalence_on_dense_data(name, estimator)
    if get_tags(estimator).input_tags.sparse:
        check_sample_weight_equivalence_on_sparse_data(name, estimator)


LEFT_OUT_BY_CHECK_ESTIMATOR = [
    check_dataframe_column_names_consistency,
    check_inplace_ensure_writeable,
    check_param_validation,
]
LEFT_OUT_FOR_TRANSFORMERS = [
    check_global_output_transform_pandas,
    check_global_set_output_transform_polars,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_set_output_transform_polars,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
]
TWO = {"max_epochs": 2}  # nothing is asked that has to be learned
TRANSFORMERS = [
    AutoencoderTransformer(**SMALL | TWO),
    VariationalAutoencoderTransformer(**SMALL | TWO),
    AutoencoderImputer(**SMALL | TWO),
    AutoencoderOutlierDetector(**SMALL | TWO),
    AECNNClassifier(**SMALL_JOINT | TWO),
    AECNNRegressor(**SMALL_JOINT | TWO),
]
ESTIMATORS = [*TRANSFORMERS, CNNClassifier(**SMALL_CNN | TWO), CNNRegressor(**SMALL_CNN | TWO)]


# the checks of the output fit on a data frame and transform an array, which warns by design
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        *product(ESTIMATORS, LEFT_OUT_BY_CHECK_ESTIMATOR),
        *product(TRANSFORMERS, LEFT_OUT_FOR_TRANSFORMERS),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_passes_a_check_that_check_estimator_leaves_out(estimator, check):
    """Output containers, feature names and parameter validation are those of scikit-learn."""
    check(type(estimator).__name__, estimator)


ARRAY_API = f"""
import numpy as np
import sklearn
import torch
from sklearn.utils.estimator_checks import check_array_api_input

import sk_aecnn

X = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
y = np.arange(20) % 2
for name, parameters in {{
    "AutoencoderTransformer": {SMALL},
    "VariationalAutoencoderTransformer": {SMALL},
    "AutoencoderImputer": {SMALL},
    "AutoencoderOutlierDetector": {SMALL},
    "AECNNClassifier": {SMALL_JOINT},
    "AECNNRegressor": {SMALL_JOINT},
    "CNNClassifier": {SMALL_CNN},
    "CNNRegressor": {SMALL_CNN},
}}.items():
    estimator = getattr(sk_aecnn, name)(**parameters, random_state=0)
    check_array_api_input(name, estimator, array_namespace="numpy")
    method = "transform" if hasattr(estimator, "transform") else "predict"
    expected = getattr(estimator.fit(X, y), method)(X)
    with sklearn.config_context(array_api_dispatch=True):
        rows, labels = torch.from_numpy(X), torch.from_numpy(y)
        found = getattr(estimator.fit(rows, labels), method)(rows)
        np.testing.assert_array_equal(found, expected)
"""


def test_array_api_dispatch_changes_nothing():
    """With array API dispatch switched on, arrays and tensors give the same results as without."""
    if find_spec("sklearn.externals.array_api_compat") is None:
        pytest.importorskip("array_api_compat", reason="scikit-learn has its own from 1.7 on")
    subprocess.run(
        [sys.executable, "-W", "error", "-c", ARRAY_API],
        env=os.environ | {"SCIPY_ARRAY_API": "1", "OMP_NUM_THREADS": "1"},
        check=True,
    )
