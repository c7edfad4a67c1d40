"""What ``augmentation`` does to a fit: transforms by name, custom ones, both."""

import json
import pickle
from itertools import product

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch import nn

from sk_aecnn.data._geometry import SampleGeometry
from sk_aecnn.nn import GEOMETRIC, PHOTOMETRIC, RandomTransform
from sk_aecnn.recipes._augmentation import resolve_augmentation
from sk_aecnn.recipes._recipe import DataSummary

TRANSFORMS = sorted(GEOMETRIC | PHOTOMETRIC)
LIGHTING = {"contrast": 0.5, "brightness": 0.5}


@pytest.fixture
def wide(images):
    """The images at twice the height and three times the width."""
    return images.repeat(2, axis=1).repeat(3, axis=2)


@pytest.fixture(params=["classifier", "cnn_classifier"])
def image_classifier(request):
    """A factory of each small classifier of images."""
    return request.getfixturevalue(request.param)


def answer(estimator, X):
    """What there is to say about rows."""
    methods = [m for m in ("transform", "predict_proba", "predict") if hasattr(estimator, m)]
    return np.column_stack([getattr(estimator, method)(X) for method in methods])


def assert_same(one, other, X):
    """Two estimators were trained alike, to the last bit."""
    assert one.loss_curve_ == other.loss_curve_
    np.testing.assert_array_equal(answer(one, X), answer(other, X))


# -- what "auto" is ---------------------------------------------------------------------------


def samples_of(kind, request):
    """Return samples of a kind and the parameters that tell it."""
    rows = np.random.default_rng(0).normal(size=(40, 32))
    return {
        "table": (request.getfixturevalue("table"), {}),
        "images": (request.getfixturevalue("wide"), {}),
        "sequences": (rows.reshape(40, 16, 2), {"channel_axis": -1}),
        "volumes": (rows.reshape(40, 2, 8, 2, 1), {"channel_axis": -1}),
    }[kind]


def test_classifiers_augment_images_by_default(image_classifier, wide, labels):
    """By itself, `augmentation` translates images and changes their contrast and brightness."""
    wide = wide.copy()
    wide[labels == 1] = wide[labels == 0][:, ::-1]  # of the same level, upside down
    fits = [
        image_classifier(augmentation=augmentation, batch_size=16).fit(wide, labels)
        for augmentation in ("auto", {"translate": 0.075, **LIGHTING}, None)
    ]
    assert_same(fits[0], fits[1], wide)
    assert fits[0].loss_curve_ != fits[2].loss_curve_


def test_images_told_by_their_brightness_keep_it(image_classifier, wide, labels):
    """Where the level tells the class, `augmentation` leaves contrast and brightness alone."""
    estimator = image_classifier(augmentation="auto").fit(wide, labels)
    expected = {"translate": 0.075, "horizontal_flip": 0.5}  # what is light is above
    assert estimator.resolved_params_["augmentation"] == expected


def test_unlabeled_images_keep_their_contrast_and_brightness(classifier, wide, labels):
    """Where the network's own answers are targets, images are translated alone."""
    some = np.where(np.arange(40) < 20, labels, -1)
    one, other = (
        classifier(augmentation=augmentation, unlabeled=-1).fit(wide, some)
        for augmentation in ("auto", {"translate": 0.075})
    )
    assert_same(one, other, wide)


def test_classifiers_translate_long_sequences_by_default(image_classifier, labels):
    """By itself, `augmentation` translates sequences of more than 32 steps by up to 0.075."""
    rows = np.random.default_rng(0).normal(size=(40, 40, 1))
    auto, translated, none = (
        image_classifier(augmentation=augmentation, channel_axis=-1).fit(rows, labels)
        for augmentation in ("auto", {"translate": 0.075}, None)
    )
    assert auto.resolved_params_["augmentation"] == {"translate": 0.075}
    assert_same(auto, translated, rows)
    assert auto.loss_curve_ != none.loss_curve_


@pytest.mark.parametrize("name", ["regressor", "cnn_regressor", "autoencoder", "variational"])
def test_long_sequences_are_not_translated_unless_classified(request, labels, name):
    """By itself, `augmentation` is None for sequences that are encoded or tell a number."""
    rows = np.random.default_rng(0).normal(size=(40, 40, 1))
    make = request.getfixturevalue(name)
    auto, none = (
        make(augmentation=augmentation, channel_axis=-1).fit(rows, labels)
        for augmentation in ("auto", None)
    )
    assert_same(auto, none, rows)


@pytest.mark.parametrize("kind", ["table", "sequences", "volumes"])
def test_other_samples_are_not_augmented_by_default(every, request, labels, kind):
    """By itself, `augmentation` is None for tables, short sequences and volumes."""
    X, layout = samples_of(kind, request)
    one, other = (every(augmentation=a, **layout).fit(X, labels) for a in ("auto", None))
    assert_same(one, other, X)


@pytest.mark.parametrize("name", ["regressor", "cnn_regressor", "detector"])
def test_regressors_and_detectors_leave_images_as_they_are(request, wide, labels, name):
    """By itself, `augmentation` is None for numbers, which may tell where something is."""
    make = request.getfixturevalue(name)
    auto, none, translated = (
        make(augmentation=a).fit(wide, labels) for a in ("auto", None, {"translate": 0.2})
    )
    assert_same(auto, none, wide)
    assert translated.loss_curve_ != none.loss_curve_


def test_autoencoders_translate_images_by_default(autoencoder, table, wide):
    """By itself, `augmentation` translates images by up to 0.075, and leaves tables alone."""

    def curve(X, augmentation):
        return autoencoder(augmentation=augmentation, batch_size=10).fit(X).loss_curve_

    assert curve(wide, "auto") == curve(wide, {"translate": 0.075}) != curve(wide, None)
    assert curve(table, "auto") == curve(table, None)


@pytest.mark.parametrize("name", ["variational", "detector"])
def test_nothing_is_augmented_unless_asked_for(request, wide, name):
    """Where samples or scores follow the density of the data, the default is None."""
    make = request.getfixturevalue(name)
    assert make().get_params()["augmentation"] is None
    assert_same(make().fit(wide), make(augmentation=None).fit(wide), wide)


# -- transforms by name -----------------------------------------------------------------------

EVERY = "autoencoder variational detector classifier regressor cnn_classifier cnn_regressor"


# every estimator with one transform, one estimator with every transform
@pytest.fixture(
    params=sorted({*product(EVERY.split(), ["translate"]), *product(["classifier"], TRANSFORMS)}),
    ids=", ".join,
)
def named(request):
    """A factory of small estimators, and the name of a transform."""
    factory, name = request.param
    return request.getfixturevalue(factory), name


def test_every_named_transform_changes_a_fit_and_repeats(named, wide, labels):
    """Each transform trains, is drawn from random_state, and is off at strength 0."""
    every, name = named
    once, again = (every(augmentation={name: 0.4}).fit(wide, labels) for _ in range(2))
    none = every(augmentation=None).fit(wide, labels)
    assert_same(once, again, wide)
    assert np.isfinite(once.loss_curve_).all()
    assert once.loss_curve_ != none.loss_curve_
    assert_same(every(augmentation={name: 0}).fit(wide, labels), none, wide)
    assert_same(every(augmentation={}).fit(wide, labels), none, wide)


def test_flat_rows_are_augmented_as_the_samples_that_they_are(named, wide, labels):
    """Rows with sample_shape and n-dimensional samples are fitted alike."""
    every, name = named
    samples = every(augmentation={name: 0.4}).fit(wide, labels)
    rows = every(augmentation={name: 0.4}, sample_shape=wide.shape[1:])
    assert_same(rows.fit(wide.reshape(40, -1), labels), samples, wide.reshape(40, -1))


def test_sequences_and_volumes_are_augmented(named, request, labels):
    """Transforms are for any number of spatial axes that they have a use for."""
    every, name = named
    for kind in ("sequences", "volumes") if name != "vertical_flip" else ("volumes",):
        X, layout = samples_of(kind, request)
        plain, augmented = (
            every(augmentation=augmentation, **layout).fit(X, labels)
            for augmentation in (None, {name: 0.5})
        )
        assert plain.loss_curve_ != augmented.loss_curve_


@pytest.mark.parametrize("name", ["contrast", "brightness"])
def test_tables_take_transforms_of_values(every, table, labels, name):
    """Contrast and brightness need no spatial axis."""
    fits = [every(augmentation=a).fit(table, labels) for a in ({name: 0.5}, {name: 0.5}, None)]
    assert_same(fits[0], fits[1], table)
    assert fits[0].loss_curve_ != fits[2].loss_curve_


def test_the_order_of_transforms_counts(classifier, wide, labels):
    """Transforms come one after the other, as they stand in the dict, or in a list of dicts."""
    order = [{"contrast": 0.5}, {"brightness": 0.5}]
    as_list, as_dict, reverse = (
        classifier(augmentation=augmentation).fit(wide, labels)
        for augmentation in (order, LIGHTING, order[::-1])
    )
    assert_same(as_list, as_dict, wide)
    assert as_list.loss_curve_ != reverse.loss_curve_


def test_an_augmented_fit_is_pickled(every, wide, labels):
    """An estimator with transforms by name travels in a pickle, and learns on alike."""
    estimator = every(augmentation=dict.fromkeys(TRANSFORMS, 0.3)).fit(wide, labels)
    estimator.set_saving(include_optimizer=True)
    copied = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(answer(copied, wide), answer(estimator, wide))
    estimator.partial_fit(wide, labels), copied.partial_fit(wide, labels)
    assert_same(copied, estimator, wide)


# -- what is augmented ------------------------------------------------------------------------


@pytest.mark.parametrize("augmentation", [{"translate": 0.3}, {"brightness": 0.9}, {"erase": 0.9}])
def test_validation_rows_are_not_augmented(classifier, wide, labels, augmentation):
    """The validation loss is that of the rows as they were passed."""
    estimator = classifier(
        augmentation=augmentation, label_smoothing=0, early_stopping=True, max_epochs=1
    )
    estimator.fit(wide, labels, X_val=wide, y_val=labels)
    probability = estimator.predict_proba(wide)[np.arange(40), labels]
    loss = estimator.history_[0]["valid_classification_loss"]
    assert loss == pytest.approx(-np.log(probability).mean(), rel=1e-4)


def test_prediction_is_never_augmented(every, wide, labels):
    """Answers do not vary from call to call, and no random number is drawn for them."""
    calls = []

    def noted(batch):
        calls.append(len(batch))
        return batch

    estimator = every(augmentation=[noted, dict.fromkeys(TRANSFORMS, 0.5)]).fit(wide, labels)
    n_calls = len(calls)
    assert n_calls > 0
    np.testing.assert_array_equal(answer(estimator, wide), answer(estimator, wide))
    estimator.score_samples(wide) if hasattr(estimator, "score_samples") else None
    assert len(calls) == n_calls


class Shares(Callback):
    """Keep the share of the rows that are augmented in every step."""

    def on_train_begin(self, net, **kwargs):
        self.shares_ = []

    def on_batch_end(self, net, training, **kwargs):
        self.shares_.append(net.module_.augmentation.share)


@pytest.mark.parametrize("name", ["autoencoder", "detector"])
def test_an_autoencoder_augments_at_the_beginning(request, wide, name):
    """All rows in the first tenth of the steps, none after three tenths, nor in later calls."""
    shares, make = Shares(), request.getfixturevalue(name)
    parameters = {"batch_size": 10, "max_epochs": 5, "augmentation": {"translate": 0.1}}
    estimator = make(**parameters, callbacks=[shares]).fit(wide)
    np.testing.assert_allclose(shares.shares_, [1, 1, 1, 0.75, 0.5, 0.25] + [0] * 14, atol=1e-12)
    estimator.partial_fit(wide)
    assert shares.shares_ == [0] * 4


@pytest.mark.parametrize("name", ["variational", "classifier", "cnn_regressor"])
def test_other_estimators_augment_to_the_end(request, wide, labels, name):
    """Where the target is augmented too, or another, every row of every step is."""
    shares, make = Shares(), request.getfixturevalue(name)
    make(augmentation={"translate": 0.1}, callbacks=[shares]).fit(wide, labels)
    assert set(shares.shares_) == {1.0}


# -- custom transforms ------------------------------------------------------------------------


def with_generator(batch, generator):
    return batch + 20 * torch.randn(batch.shape, generator=generator)


def from_global_stream(batch):
    return batch + 20 * torch.randn(batch.shape)


class LikeTorchvision(nn.Module):
    """A transform as torchvision's are: drawn from the global stream, one batch in and out."""

    def __init__(self, scale):
        super().__init__()
        self.scale = scale

    def forward(self, *inputs):
        (batch,) = inputs
        return batch + self.scale * torch.randn(())


CUSTOM = {
    "with generator": with_generator,
    "from the global stream": from_global_stream,
    "module": LikeTorchvision(20.0),
    "list": [{"translate": 0.1}, with_generator, LikeTorchvision(20.0), {"contrast": 0.2}],
}


@pytest.fixture(params=CUSTOM.values(), ids=CUSTOM)
def custom(request):
    """An augmentation with custom transforms."""
    return request.param


def test_a_custom_transform_repeats_with_the_seed(every, wide, labels, custom):
    """A fit is the same twice, wherever numbers are drawn from; the global stream is left alone."""
    state = torch.get_rng_state()
    once = every(augmentation=custom).fit(wide, labels)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(123)
    again = every(augmentation=custom).fit(wide, labels)
    torch.set_rng_state(state)
    assert_same(once, again, wide)
    assert once.loss_curve_ != every(augmentation=None).fit(wide, labels).loss_curve_
    assert (
        once.loss_curve_ != every(augmentation=custom, random_state=1).fit(wide, labels).loss_curve_
    )


def test_a_custom_transform_is_given_flat_rows_as_samples(every, wide, labels, custom):
    """Rows with sample_shape and n-dimensional samples are fitted alike."""
    samples = every(augmentation=custom).fit(wide, labels)
    rows = every(augmentation=custom, sample_shape=wide.shape[1:])
    assert_same(rows.fit(wide.reshape(40, -1), labels), samples, wide.reshape(40, -1))


def test_a_custom_transform_is_pickled(every, wide, labels, custom):
    """Functions that stand in a module travel in a pickle, and learn on alike."""
    estimator = every(augmentation=custom).fit(wide, labels)
    estimator.set_saving(include_optimizer=True)
    copied = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(answer(copied, wide), answer(estimator, wide))
    estimator.partial_fit(wide, labels), copied.partial_fit(wide, labels)
    assert_same(copied, estimator, wide)


@pytest.mark.parametrize(
    ("shape", "axis", "seen"),
    [
        ((6, 5), "auto", (1, 6, 5)),
        ((6, 5, 3), "auto", (3, 6, 5)),
        ((3, 6, 5), 0, (3, 6, 5)),
        ((9, 2), -1, (2, 9)),
        ((9,), None, (1, 9)),
        ((5,), "auto", (5,)),
    ],
)
def test_a_custom_transform_sees_channels_first(every, labels, shape, axis, seen):
    """A function is given samples as (batch, channels, *spatial), in the units of X."""
    X = np.random.default_rng(0).normal(100, 1, size=(40, *shape)).astype(np.float32)
    batches = []

    def noted(batch):
        batches.append(batch.clone())
        return batch

    every(augmentation=noted, channel_axis=axis, max_epochs=1, batch_size=40).fit(X, labels)
    assert batches[-1].shape == (40, *seen)  # after those of a trial, if there is one
    values = np.concatenate([batch.numpy().ravel() for batch in batches])
    assert set(values.tolist()) <= set(X.ravel().tolist())


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_a_custom_transform_may_work_in_place(coder, wide, labels, loss):
    """What a function does to its batch is done to nothing else."""
    one, other = (
        coder(augmentation=function, reconstruction_loss=loss).fit(wide / 255, labels)
        for function in (lambda batch: batch * 0.5, lambda batch: batch.mul_(0.5))
    )
    assert_same(one, other, wide / 255)


class Blur(nn.Module):
    """A transform with weights."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.full((1, 1, 3, 3), 1 / 9))

    def forward(self, batch):
        return nn.functional.conv2d(batch, self.weight.to(batch.dtype), padding=1)


def test_the_weights_of_a_custom_transform_are_not_trained(every, wide, labels):
    """A module is used as it is: neither its weights nor its mode change."""
    blur = Blur().eval()
    every(augmentation=blur, weight_decay=0.1).fit(wide, labels)
    assert torch.equal(blur.weight, torch.full((1, 1, 3, 3), 1 / 9))
    assert blur.weight.grad is None
    assert not blur.training


# -- what cannot be used ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("augmentation", "message"),
    [
        ({"rotate": 0.1}, f"no transform 'rotate'; choose among {', '.join(TRANSFORMS)}"),
        ([{"translate": 0.1}, {"rotate": 0.1}], "no transform 'rotate'"),
        ({"translate": -0.1}, r"augmentation=\{'translate': -0.1\} must have a strength between"),
        ({"contrast": 1.5}, r"augmentation=\{'contrast': 1.5\} must have a strength between 0"),
        ({"erase": "much"}, r"augmentation=\{'erase': 'much'\} must have a strength"),
        ({"erase": None}, r"augmentation=\{'erase': None\} must have a strength"),
        ({"erase": True}, r"augmentation=\{'erase': True\} must have a strength"),
        (["translate"], r"augmentation has an entry 'translate'. A list holds functions"),
        ([("translate", 0.1)], r"augmentation has an entry \('translate', 0.1\)"),
        ([None], "augmentation has an entry None"),
        (lambda batch: batch[:, :, 1:], r"returned \(\d+, 1, 11, 15\) for a batch of .*12, 15\)"),
        (lambda batch: None, "returned NoneType"),
        ("strong", "'augmentation' parameter of .* must be .* Got 'strong'"),
        (0.3, "'augmentation' parameter of .* must be .* Got 0.3"),
    ],
)
def test_an_augmentation_that_cannot_be_used_is_refused(every, wide, labels, augmentation, message):
    """The error says what was passed and what may be; the estimator is left as it was."""
    estimator = every(augmentation=augmentation)
    before = dict(vars(estimator))
    with pytest.raises(ValueError, match=message):
        estimator.fit(wide, labels)
    assert vars(estimator) == before


@pytest.mark.parametrize("name", ["translate", "horizontal_flip", "vertical_flip", "erase"])
def test_transforms_of_positions_need_a_spatial_axis(every, table, labels, name):
    """Tables have no positions: the error names augmentation; strength 0 asks for nothing."""
    message = rf"augmentation=\{{'{name}': 0.2\}} .*no spatial axis.*sample_shape"
    with pytest.raises(ValueError, match=message):
        every(augmentation={name: 0.2}).fit(table, labels)
    one, other = (every(augmentation=a).fit(table, labels) for a in ({name: 0}, None))
    assert_same(one, other, table)


# -- mirror images in prediction --------------------------------------------------------------


@pytest.mark.parametrize("name", ["classifier", "cnn_classifier", "regressor", "cnn_regressor"])
@pytest.mark.parametrize("axes", [(2,), (1,), (1, 2)])
def test_what_was_trained_on_mirror_images_predicts_them_alike(request, wide, labels, name, axes):
    """A prediction is the mean over all mirror images, whichever of them is passed."""
    flips = {{2: "horizontal_flip", 1: "vertical_flip"}[axis]: 0.5 for axis in axes}
    estimator = request.getfixturevalue(name)(augmentation=flips).fit(wide, labels)
    plain = request.getfixturevalue(name)(augmentation=None).fit(wide, labels)
    method = "predict_proba" if hasattr(estimator, "predict_proba") else "predict"
    predict, expected = getattr(estimator, method), getattr(estimator, method)(wide)
    for axis in (*axes, axes):
        np.testing.assert_allclose(predict(np.flip(wide, axis)), expected, rtol=1e-5, atol=1e-6)
    unlike = getattr(plain, method)
    assert not np.allclose(unlike(np.flip(wide, axes)), unlike(wide), rtol=1e-3)


# -- one line in a table ----------------------------------------------------------------------


class UpsideDown(RandomTransform):
    """Turn samples of one channel upside down."""

    def forward(self, x):
        samples = x.view(len(x), *self.shape)
        flipped = samples.flip(1).reshape(len(x), -1)
        draws = torch.rand(len(x), 1, generator=self.generator)
        return torch.where(draws < self.strength, flipped, x)


class Negative(RandomTransform):
    """Change the sign of standardised values."""

    def forward(self, x):
        draws = torch.rand(len(x), *(1 for _ in x.shape[1:]), generator=self.generator)
        return torch.where(draws < self.strength, -x, x)


@pytest.mark.parametrize(
    ("choices", "name", "transform"),
    [(GEOMETRIC, "upside_down", UpsideDown), (PHOTOMETRIC, "negative", Negative)],
)
def test_a_new_transform_is_one_line_in_a_table(
    monkeypatch, every, wide, labels, choices, name, transform
):
    """A class in the table is trained with, resolved, named in errors and pickled as others are."""
    monkeypatch.setitem(choices, name, transform)
    once, again = (every(augmentation={name: 0.5}).fit(wide, labels) for _ in range(2))
    assert_same(once, again, wide)
    assert once.loss_curve_ != every(augmentation=None).fit(wide, labels).loss_curve_
    assert json.loads(json.dumps(once.resolved_params_))["augmentation"] == {name: 0.5}
    copied = pickle.loads(pickle.dumps(once))
    np.testing.assert_array_equal(answer(copied, wide), answer(once, wide))
    with pytest.raises(ValueError, match=name):
        every(augmentation={"nonsense": 0.5}).fit(wide, labels)


def test_transforms_are_resolved_to_names_and_functions():
    """Dicts and lists become one sequence of pairs and functions, in order."""
    images = DataSummary(SampleGeometry((6, 5), None), 60, 0, False, "classifier")

    def resolve(augmentation):
        return resolve_augmentation(augmentation, images)

    assert resolve(None) == resolve({}) == resolve([]) == ()
    assert resolve({"erase": 1, "translate": 0}) == (("erase", 1.0), ("translate", 0.0))
    assert resolve(with_generator) == (with_generator,)
    assert resolve([{"erase": 0.5}, with_generator]) == (("erase", 0.5), with_generator)
