"""Bad input gives an error that says what is wrong and what would be right; nothing is changed."""

import signal
import threading
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from skorch.callbacks import Callback, EarlyStopping

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, DivergenceError


def check_raises(estimator, X, y, message, error=ValueError, **fit_params):
    """The error is raised by fit, and neither an unfitted nor a fitted estimator is changed."""
    before = dict(vars(estimator))
    with pytest.raises(error, match=message):
        estimator.fit(X, y, **fit_params)
    after = vars(estimator)
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)


# -- X ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.empty((0, 3)), r"0 sample\(s\)"),
        (np.empty((0, 4, 4)), r"0 sample\(s\)"),
        (np.empty((6, 0)), r"0 feature\(s\)"),
        (np.empty((6, 0, 4)), r"0 feature\(s\)"),
        (np.full((6, 3), np.inf), "contains infinity"),
        (np.arange(18.0).reshape(6, 3) * 1e300, "so large"),
        (np.ones((6, 3), dtype=complex), "[Cc]omplex data not supported"),
        (np.ones((6, 2, 2), dtype=complex), "[Cc]omplex data not supported"),
        (np.arange(6.0), "Expected 2D array, got 1D array"),
        (np.float64(3), "Expected 2D array, got scalar array"),
        ([[1.0, 2.0], [3.0]] * 3, "inhomogeneous|sequence"),
        (np.ones((6, 1, 2, 2, 2, 3)), "4 spatial axes; at most 3"),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_unusable_rows_are_refused(small, X, message):
    """Empty, non-finite, non-numeric and wrongly shaped X are each named as such."""
    y = np.arange(0 if message.startswith("0 sample") else 6) % 2
    check_raises(small(), X, y, message)


def test_an_object_array_of_objects_is_refused(small, labels):
    """Objects that are no numbers are refused, objects that are numbers are not."""
    X = np.empty((40, 2), dtype=object)
    X[:] = [[1.0, {}]]
    check_raises(small(), X, labels, "Column 1 of X holds dict values")
    X[:, 1] = np.arange(40)
    assert small().fit(X, labels).transform(X).shape == (40, 3)


def test_an_error_leaves_a_fitted_estimator_as_it_was(small, table, labels):
    """After a refused fit, partial_fit or warm start the last fit still predicts as before."""
    estimator = small(warm_start=True).fit(table, labels)
    codes = estimator.transform(table)
    broken = table.copy()
    broken[3, 2] = np.inf
    check_raises(estimator, broken, labels, "contains infinity")
    check_raises(estimator.set_params(warm_start=False), broken, labels, "contains infinity")
    check_raises(estimator, table[:, :0], labels, "0 feature")
    with pytest.raises(ValueError, match="contains infinity"):
        estimator.partial_fit(broken, labels)
    np.testing.assert_array_equal(estimator.transform(table), codes)


def test_an_error_while_training_leaves_a_fitted_estimator_as_it_was(small, table, labels):
    """A callback that fails in the second epoch leaves weights, history and shape untouched."""

    class Fails(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 4:
                raise RuntimeError("no space left")

    estimator = small(warm_start=True).fit(table, labels)
    codes, history = estimator.transform(table), list(estimator.history_)
    estimator.callbacks = [Fails()]
    check_raises(estimator, table, labels, "no space left", RuntimeError)
    assert estimator.history_ == history
    np.testing.assert_array_equal(estimator.transform(table), codes)


# -- the shape of a sample --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"sample_shape": (4, 4)},
            r"sample_shape=\(4, 4\) has 16 values, .* 30 features.* product",
        ),
        ({"sample_shape": (5, 6)}, r"sample_shape=\(5, 6\) differs from .*\(6, 5\)"),
        ({"sample_shape": ()}, r"sample_shape=\(\) must be a non-empty tuple"),
        ({"sample_shape": (-6, -5)}, r"sample_shape=\(-6, -5\) must be .* at least 1"),
        ({"sample_shape": (6.0, 5.0)}, r"sample_shape=\(6.0, 5.0\) must be .*integers"),
        ({"channel_axis": 2}, r"channel_axis=2 is out of range .*\(6, 5\).* from -2 to 1"),
        ({"channel_axis": -3}, "channel_axis=-3 is out of range"),
    ],
)
def test_a_geometry_that_contradicts_the_data_is_refused(
    small, images, labels, parameters, message
):
    """sample_shape and channel_axis must fit the samples; the error says what would."""
    check_raises(small(**parameters), images, labels, message)


@pytest.mark.parametrize("method", ["transform", "reconstruct", "reconstruction_error", "predict"])
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5, 6), r"samples of shape \(5, 6\), but .* fitted on samples of shape \(6, 5\)"),
        ((31,), "X has 31 features, but .* is expecting 30 features"),
        ((6, 5, 1), r"shape \(6, 5, 1\), but"),
    ],
)
def test_another_shape_at_predict_is_refused(classifier, images, labels, method, shape, message):
    """Samples of another shape than those of fit are refused, though the product may agree."""
    estimator = classifier(max_epochs=1).fit(images, labels)
    with pytest.raises(ValueError, match=message):
        getattr(estimator, method)(np.ones((3, *shape)))


def test_codes_of_another_width_are_refused(small, table, labels):
    """inverse_transform takes codes of encoding_dim columns and says so."""
    estimator = small(encoding_dim=3).fit(table, labels)
    with pytest.raises(ValueError, match=r"4 columns, but .* encoding_dim=3"):
        estimator.inverse_transform(np.ones((2, 4)))


@pytest.mark.parametrize("codes", [np.full((2, 3), np.nan), np.ones(3), np.ones((2, 3, 1))])
def test_codes_that_are_no_table_of_numbers_are_refused(small, table, labels, codes):
    """inverse_transform validates its codes as fit validates its rows."""
    estimator = small(encoding_dim=3).fit(table, labels)
    with pytest.raises(ValueError, match=r"NaN|Expected 2D array|dim 3"):
        estimator.inverse_transform(codes)


def test_a_convolution_over_a_table_is_refused(small, table, labels):
    """encoder='conv' asks for a spatial axis, and the error says how to name one."""
    estimator = small(encoder="conv")
    check_raises(estimator, table, labels, r"encoder='conv' needs a spatial axis.*channel_axis")


# -- weights ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.full(40, -1.0), "Negative values in data passed to `sample_weight`"),
        (np.zeros(40), "[Ss]ample weights must contain at least one"),
        (np.ones(39), r"sample_weight.shape == \(39,\)"),
        (np.full(40, np.nan), "sample_weight contains NaN"),
        (np.ones((40, 2)), "Sample weights must be 1D|sample_weight"),
    ],
)
def test_unusable_weights_are_refused(small, table, labels, weight, message):
    """Weights that are negative, all zero, NaN or of another length are each named as such."""
    check_raises(small(), table, labels, message, sample_weight=weight)


# -- labels -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(40), "only 1 class"),
        (np.arange(39) % 2, r"inconsistent numbers of samples: \[40, 39\]"),
        (np.linspace(0, 1, 40), "[Uu]nknown label type: continuous"),
        (np.where(np.arange(40) == 7, np.nan, 1.0), "y contains NaN"),
        (np.ones((40, 2)), "1d array"),
        (None, "requires y to be passed"),
    ],
    ids=["one class", "length", "continuous", "NaN", "two columns", "none"],
)
def test_unusable_labels_are_refused(classifier, table, y, message):
    """Labels that are none, too few, continuous or NaN are each named as such."""
    check_raises(classifier(), table, y, message)


def test_one_class_of_positive_weight_is_refused(classifier, table, labels):
    """Rows of zero weight are no rows: what is left must hold two classes."""
    check_raises(classifier(), table, labels, "only 1 class", sample_weight=labels)


def test_the_first_partial_fit_asks_for_the_classes(classifier, table, labels):
    """Without `classes` the first partial_fit is refused and the estimator stays unfitted."""
    estimator = classifier()
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match="classes must be passed in the first call"):
        estimator.partial_fit(table, labels)
    assert vars(estimator) == before


def test_partial_fit_refuses_classes_that_it_was_not_told(classifier, table, labels):
    """Other `classes`, or a label that is not among them, are refused by their names."""
    estimator = classifier().partial_fit(table, labels, classes=[0, 1])
    with pytest.raises(ValueError, match=r"classes=\[0, 2\] differ from .*\[0, 1\]"):
        estimator.partial_fit(table, labels, classes=[0, 2])
    with pytest.raises(ValueError, match=r"not among the classes \[0, 1\]: \[5\]"):
        estimator.partial_fit(table, 5 * labels)


def test_class_weight_must_name_classes_of_y(classifier, table, labels):
    """class_weight for a class that is not in y is refused."""
    check_raises(
        classifier(class_weight={0: 1, 7: 2}),
        table,
        labels,
        r"classes, \[1\], are not in class_weight",
    )


# -- parameters -------------------------------------------------------------------------------

OUT_OF_RANGE = {
    "encoding_dim": [0, -1, 2.5, "3", None],
    "batch_size": [0, 2.0, "full"],
    "max_epochs": [0, 1.5, "few"],
    "lr": [0, -1e-3, "fast", None],
    "weight_decay": [-0.1, None],
    "validation_fraction": [0.0, 1.0, 5],
    "n_iter_no_change": [0, 1.5],
    "kernel_size": [0, 3.0, "wide"],
    "sample_shape": [30, "image"],
    "channel_axis": ["last", 1.0],
    "callbacks": ["progress", 3],
    "early_stopping": ["yes", None],
    "warm_start": ["yes"],
    "verbose": ["loud", -1],
    "device": [None, 0],
    "random_state": ["seed", -1],
    "hidden_layer_sizes": ["wide", None],
    "conv_channels": ["wide", None],
    "activation": [3],
    "code_activation": [3],
    "reconstruction_loss": [3],
    "encoder": [3, "deep"],
    "decoder": [3, "dense"],
    "normalization": ["layer"],
    "augmentation": ["strong", 0.3],
}
OUT_OF_RANGE_OF_THE_CLASSIFIER = {
    "reconstruction_weight": [-1.0, "1"],
    "backend_channels": ["wide", None],
    "dense_units": [0, 1.5],
    "dropout": [-0.1, 1.0, None],
    "label_smoothing": [-0.1, 1.0, None],
    "neighbors": ["auto", 5, None],
    "n_bins": [0, 2.5, "many"],
    "class_weight": ["even", 3],
    "backend": ["mlp", 3],
    "pretrain_epochs": [-1, 1.5],
    "freeze_encoder": ["yes", None],
    "unlabeled": [[-1]],
    "consistency_weight": [-1, None],
}


OUT_OF_RANGE_OF_THE_REGRESSOR = {"max_extrapolation": [-0.1, "far"]}
OUT_OF_RANGE_OF_THE_TRANSFORMER = {
    "noise": ["pink", 0.3],
    "noise_level": [-0.1, "much", None],
    "sparsity_weight": [-1, None],
}


def cases(table):
    return [(name, value) for name, values in table.items() for value in values]


@pytest.mark.parametrize(("name", "value"), cases(OUT_OF_RANGE))
def test_a_parameter_out_of_range_is_refused(small, table, labels, name, value):
    """The error names the parameter, what it must be and what was got."""
    check_raises(small(**{name: value}), table, labels, f"'{name}' parameter of .* must be .* Got ")


@pytest.mark.parametrize(("name", "value"), cases(OUT_OF_RANGE_OF_THE_CLASSIFIER))
def test_a_parameter_of_the_back_end_out_of_range_is_refused(
    classifier, table, labels, name, value
):
    """The classifier's own parameters are checked in the same words."""
    estimator = classifier(**{name: value})
    check_raises(estimator, table, labels, f"'{name}' parameter of .* must be .* Got ")


@pytest.mark.parametrize(("name", "value"), cases(OUT_OF_RANGE_OF_THE_REGRESSOR))
def test_a_parameter_of_the_regressor_out_of_range_is_refused(regressor, table, name, value):
    """The regressor's own parameters are checked in the same words."""
    estimator = regressor(**{name: value})
    check_raises(estimator, table, table[:, 0], f"'{name}' parameter of .* must be .* Got ")


@pytest.mark.parametrize(("name", "value"), cases(OUT_OF_RANGE_OF_THE_TRANSFORMER))
def test_a_parameter_of_the_transformer_out_of_range_is_refused(autoencoder, table, name, value):
    """The transformer's own parameters are checked in the same words."""
    estimator = autoencoder(**{name: value})
    check_raises(estimator, table, None, f"'{name}' parameter of .* must be .* Got ")


@pytest.mark.parametrize("name", sorted(OUT_OF_RANGE))
def test_partial_fit_checks_parameters_too(small, table, labels, name):
    """partial_fit refuses what fit refuses."""
    estimator = small(**{name: OUT_OF_RANGE[name][0]})
    with pytest.raises(ValueError, match=f"'{name}' parameter of"):
        estimator.partial_fit(table, labels)


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("encoder", ["auto", "conv", "dense"]),
        ("activation", ["elu", "gelu", "leaky_relu", "relu", "silu", "tanh"]),
        ("code_activation", ["identity", "sigmoid"]),
        ("reconstruction_loss", ["bce", "huber", "mae", "mse"]),
        ("scaling", ["auto", "feature", "shared"]),
        ("optimizer", ["adam", "adamw", "sgd"]),
        ("lr_schedule", ["constant", "cosine", "one_cycle"]),
        ("precision", ["float32", "float64"]),
    ],
)
def test_an_unknown_name_is_answered_with_the_choices(small, table, labels, name, choices):
    """For a name that no option has, the error lists those that there are."""
    with pytest.raises(ValueError, match=f"'{name}' parameter of .* Got 'nonsense'") as caught:
        small(**{name: "nonsense"}).fit(table, labels)
    assert all(f"'{choice}'" in str(caught.value) for choice in choices)


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("backend_input", ["code", "features"]),
        ("class_weight", ["balanced"]),
    ],
)
def test_an_unknown_name_for_the_back_end_is_answered_with_the_choices(
    classifier, table, labels, name, choices
):
    """The classifier's own options list their choices too."""
    with pytest.raises(ValueError, match=f"'{name}' parameter of .* Got 'nonsense'") as caught:
        classifier(**{name: "nonsense"}).fit(table, labels)
    assert all(f"'{choice}'" in str(caught.value) for choice in choices)


@pytest.mark.parametrize("sizes", [(0,), (8, -1), (2.5,), ("8",), ((8, 8),)])
@pytest.mark.parametrize("name", ["hidden_layer_sizes", "conv_channels"])
def test_layer_sizes_that_are_no_integers_are_refused(small, table, images, labels, name, sizes):
    """The error names the parameter, its value and what each size must be."""
    X = images if name == "conv_channels" else table
    check_raises(small(**{name: sizes}), X, labels, f"{name}=.*must be a sequence.*integers")


@pytest.mark.parametrize("sizes", [(), (0,)])
def test_a_back_end_without_stages_is_refused(classifier, table, labels, sizes):
    """backend_channels needs one integer or more."""
    estimator = classifier(backend_channels=sizes)
    check_raises(estimator, table, labels, "backend_channels=.*at least 1 integers, each 1 or more")


def test_an_encoder_without_convolutions_is_refused(small, images, labels):
    """conv_channels needs one integer or more."""
    check_raises(small(conv_channels=()), images, labels, r"conv_channels=\(\) must be a sequence")


def test_an_even_kernel_is_refused_with_the_odd_ones_beside_it(small, images, labels):
    """kernel_size=4 is answered with 3 and 5."""
    estimator = small(kernel_size=4)
    check_raises(estimator, images, labels, "kernel_size=4 must be odd.* pass 3 or 5")


@pytest.mark.parametrize("noise", ["masking", "swap"])
@pytest.mark.parametrize("name", ["autoencoder", "variational", "detector"])
def test_a_share_above_one_is_refused(request, table, labels, name, noise):
    """noise_level is a share of the values where values are masked or swapped."""
    make = partial(request.getfixturevalue(name), noise=None)
    estimator = make(noise=noise, noise_level=1.5)
    check_raises(estimator, table, labels, f"noise_level=1.5 must be at most 1 for noise='{noise}'")
    assert np.isfinite(make(noise="gaussian", noise_level=1.5).fit(table).loss_curve_).all()


def test_bce_outside_of_the_unit_interval_is_refused(small, table, labels):
    """reconstruction_loss='bce' names the range of X and the ways out."""
    estimator = small(reconstruction_loss="bce")
    check_raises(
        estimator, table, labels, r"'bce' needs every value of X in \[0, 1\].*from -.* to .*'mse'"
    )


def test_a_loss_that_is_not_elementwise_is_refused(small, table, labels):
    """A loss function that averages is named, with the shape that it returned."""

    def averaged(output, target):
        return (output - target).square().mean()

    estimator = small(reconstruction_loss=averaged)
    check_raises(estimator, table, labels, r"averaged.*returned .*\(\).*one loss per element")


# -- training ---------------------------------------------------------------------------------


def test_divergence_names_the_epoch_the_rate_and_the_remedy(small, table, labels):
    """A loss that is not finite raises at the end of its epoch and leaves nothing half-fitted."""
    estimator = small(lr=1e30, optimizer="sgd", lr_schedule="constant")
    check_raises(
        estimator, table, labels, r"epoch [12] is (nan|inf).*lr=1e\+30.*lower lr", DivergenceError
    )


def test_divergence_leaves_the_weights_of_the_last_fit(small, table, labels):
    """A warm start that diverges keeps the weights that it started from."""

    class Breaks(Callback):
        def on_epoch_begin(self, net, **kwargs):
            for parameter in net.module_.encoder.parameters():
                parameter.data.fill_(np.nan)

    estimator = small(warm_start=True).fit(table, labels)
    codes = estimator.transform(table)
    estimator.callbacks = [Breaks()]
    check_raises(estimator, table, labels, "epoch 3 is nan", DivergenceError)
    np.testing.assert_array_equal(estimator.transform(table), codes)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_named(small, table, labels):
    """device='cuda' on a machine without one is answered with device='auto'."""
    check_raises(small(device="cuda"), table, labels, "device='cuda' cannot be used.*device='auto'")


def test_an_unknown_device_is_named(small, table, labels):
    """A word that names no device is answered with device='auto'."""
    check_raises(small(device="abacus"), table, labels, "device='abacus'.*device='auto'")


def test_a_validation_part_of_a_single_row_is_refused(small, table, labels):
    """early_stopping=True asks for two rows of positive weight."""
    weight = np.zeros(40)
    weight[:1] = 1
    estimator = small(early_stopping=True)
    message = "1 sample" if isinstance(estimator, AutoencoderTransformer) else "only 1 class"
    check_raises(estimator, table, labels, message, sample_weight=weight)


class Interrupt(Callback):
    """Ctrl-C, as the terminal sends it, in the second epoch."""

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 2:
            signal.raise_signal(signal.SIGINT)


class Stop(Callback):
    """Stop as skorch's callbacks do."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


@pytest.fixture
def heeded_ctrl_c():
    """Ctrl-C raises here, also in jobs that a shell runs in the background, which ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals need the main thread"
)
@pytest.mark.usefixtures("heeded_ctrl_c")
def test_ctrl_c_stops_a_cross_validation(small, table, labels):
    """Ctrl-C within fit leaves cross_val_score, and the estimator is not half-fitted."""
    estimator = small(max_epochs=5, callbacks=[Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        cross_val_score(estimator, table, labels, cv=2)
    check_raises(estimator, table, labels, None, KeyboardInterrupt)


def test_a_callback_that_stops_is_no_ctrl_c(small, table, labels):
    """A callback ends training by raising KeyboardInterrupt, and the estimator is fitted."""
    estimator = small(max_epochs=5, callbacks=[Stop()]).fit(table, labels)
    assert estimator.n_iter_ == 2


def test_early_stopping_of_skorch_ends_training_quietly(small, table, labels):
    """skorch's EarlyStopping works as a callback and lets cross_val_score go on."""
    stop = EarlyStopping("train_loss", threshold=1e9, threshold_mode="abs", patience=2)
    stop.sink = lambda *args: None
    estimator = small(max_epochs=9, callbacks=[stop])
    assert estimator.fit(table, labels).n_iter_ < 9
    assert np.isfinite(cross_val_score(estimator, table, labels, cv=2)).all()


# -- unfitted ---------------------------------------------------------------------------------

METHODS_ON_X = [
    "transform",
    "inverse_transform",
    "reconstruct",
    "reconstruction_error",
]


@pytest.mark.parametrize("method", [*METHODS_ON_X, "score", "score_samples"])
def test_an_unfitted_autoencoder_says_so(table, method):
    """Every method of an unfitted transformer raises NotFittedError."""
    with pytest.raises(NotFittedError, match="AutoencoderTransformer instance is not fitted"):
        getattr(AutoencoderTransformer(), method)(table)


@pytest.mark.parametrize("method", [*METHODS_ON_X, "predict", "predict_proba", "predict_log_proba"])
def test_an_unfitted_classifier_says_so(table, method):
    """Every method of an unfitted classifier raises NotFittedError."""
    with pytest.raises(NotFittedError, match="AECNNClassifier instance is not fitted"):
        getattr(AECNNClassifier(), method)(table)


def test_an_unfitted_estimator_says_so(every, table, labels):
    """What any of the seven estimators offers raises NotFittedError before fit."""
    estimator = every()
    asked = {
        "predict": (table,),
        "predict_proba": (table,),
        "transform": (table,),
        "reconstruct": (table,),
        "score_samples": (table,),
        "decision_function": (table,),
        "sample": (),
        "score": (table, labels),
    }
    for name in asked.keys() & set(dir(estimator)):
        with pytest.raises(NotFittedError, match=f"{type(estimator).__name__} instance is not"):
            getattr(estimator, name)(*asked[name])


def test_an_unfitted_estimator_has_no_feature_names(coder):
    """get_feature_names_out of an unfitted estimator raises NotFittedError."""
    with pytest.raises(NotFittedError):
        coder().get_feature_names_out()


@pytest.mark.parametrize(
    "name",
    [
        "net_",
        "encoder_",
        "decoder_",
        "history_",
        "n_iter_",
        "classes_",
        "offset_",
        "noise_variance_",
        "kl_per_unit_",
        "pretrain_loss_curve_",
    ],
)
def test_an_unfitted_estimator_has_no_fitted_attributes(every, name):
    """hasattr tells fitted from unfitted: there is nothing before fit."""
    assert not hasattr(every(), name)


# -- a network that does not reconstruct ------------------------------------------------------


@pytest.mark.parametrize("method", ["reconstruct", "inverse_transform", "reconstruction_error"])
def test_a_classifier_without_reconstruction_says_why(classifier, table, labels, method):
    """With reconstruction_weight=0 there is no decoder to call, and hasattr says so."""
    estimator = classifier(reconstruction_weight=0).fit(table, labels)
    assert not hasattr(estimator, method)
    with pytest.raises(AttributeError) as caught:
        getattr(estimator, method)
    assert "reconstruction_weight=0 trains no decoder" in f"{caught.value} {caught.value.__cause__}"


def test_a_code_that_nothing_trains_is_not_offered(classifier, table, labels):
    """With reconstruction_weight=0 the code exists where the back end sees it, else not."""
    beside = classifier(reconstruction_weight=0, backend_input="features").fit(table, labels)
    with pytest.raises(AttributeError, match="reconstruction_weight=0 trains no decoder"):
        beside.transform(table)
    before = classifier(reconstruction_weight=0, backend_input="code").fit(table, labels)
    assert before.transform(table).shape == (40, 3)


@pytest.mark.parametrize("class_weight", [{"a": 0, "b": 0}, {"a": -1, "b": 1}])
def test_class_weights_that_leave_nothing_to_learn(classifier, table, class_weight):
    """Class weights below zero, or zero for all, are named in an error."""
    y = np.array(["a", "b"] * 20)
    with pytest.raises(ValueError, match=r"class_weight=.*(at least 0|positive weight)"):
        classifier(class_weight=class_weight).fit(table, y)
