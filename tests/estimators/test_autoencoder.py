"""AutoencoderTransformer: what it learns and what its parameters do."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sk_aecnn import AutoencoderTransformer
from sk_aecnn.nn import DenseEncoder


@pytest.fixture
def plane():
    """60 rows of 8 features that lie on a plane."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 2)) @ rng.normal(size=(2, 8))


def test_a_linear_autoencoder_finds_the_plane_that_pca_finds(autoencoder, plane):
    """Without hidden layers the best reconstruction is PCA's."""
    X = plane + 0.05 * np.random.default_rng(1).normal(size=plane.shape)
    estimator = autoencoder(
        encoding_dim=2,
        hidden_layer_sizes=(),
        max_epochs=400,
        lr=0.05,
        weight_decay=0,
        scaling="shared",
    ).fit(X)
    kept = PCA(2).fit(X).explained_variance_ratio_.sum()
    assert estimator.score(X) == pytest.approx(kept, abs=5e-3)


def test_a_wider_code_keeps_more(autoencoder, plane):
    """Two numbers hold a plane, one does not."""
    scores = [
        autoencoder(encoding_dim=dim, max_epochs=150, lr=0.02, hidden_layer_sizes=(16,))
        .fit(plane)
        .score(plane)
        for dim in (1, 2)
    ]
    assert scores[0] < 0.9 < scores[1]


@pytest.mark.parametrize("loss", ["mse", "bce", "mae", "huber", nn.SmoothL1Loss, nn.L1Loss()])
def test_every_loss_is_trained_down(autoencoder, plane, loss):
    """Named losses, classes and instances without reduction train; a reduced one is refused."""
    X = (plane - plane.min()) / np.ptp(plane)
    estimator = autoencoder(linear_path=False, reconstruction_loss=loss, max_epochs=30, lr=0.01)
    if isinstance(loss, nn.Module):
        with pytest.raises(ValueError, match="one loss per element"):
            estimator.fit(X)
        return
    curve = estimator.fit(X).loss_curve_
    assert curve[-1] < curve[0]
    assert curve[0] == pytest.approx(1, abs=0.5)  # an untrained network is as bad as the mean


def test_bce_reconstructs_probabilities(autoencoder, images):
    """With the binary cross-entropy reconstructions stay within [0, 1]."""
    X = images / 255
    rebuilt = autoencoder(reconstruction_loss="bce").fit(X).reconstruct(X)
    assert rebuilt.min() >= 0
    assert rebuilt.max() <= 1


@pytest.mark.parametrize(
    ("activation", "low", "high"),
    [
        ("sigmoid", 0, 1),
        ("tanh", -1, 1),
        ("relu", 0, np.inf),
        (nn.Softsign, -1, 1),
        (torch.sin, -1, 1),
    ],
)
def test_the_code_stays_in_the_range_of_its_activation(autoencoder, plane, activation, low, high):
    """code_activation by name, class or function bounds the code."""
    codes = autoencoder(code_activation=activation).fit_transform(plane)
    assert codes.min() >= low
    assert codes.max() <= high


@pytest.mark.parametrize(
    "activation", ["elu", "gelu", "identity", "leaky_relu", "silu", nn.Mish, torch.tanh]
)
def test_every_activation_trains(autoencoder, plane, images, activation):
    """Hidden activations by name, class or function work in both kinds of network."""
    for X in (plane, images):
        alone = autoencoder(linear_path=False, activation=activation, max_epochs=20, lr=0.01)
        estimator = alone.fit(X)
        assert estimator.loss_curve_[-1] < estimator.loss_curve_[0]


def test_the_parts_have_the_sizes_asked_for(autoencoder, plane):
    """hidden_layer_sizes and encoding_dim are the sizes of the layers; the decoder mirrors them."""
    estimator = autoencoder(encoding_dim=2, encoder="dense", hidden_layer_sizes=(7, 5)).fit(plane)

    def sizes(part):
        return [(m.in_features, m.out_features) for m in part.modules() if isinstance(m, nn.Linear)]

    assert sizes(estimator.encoder_) == [(8, 7), (7, 5), (5, 2)]
    assert sizes(estimator.decoder_) == [(2, 5), (5, 7), (7, 8)]


def kept_by_pca(X, n_components):
    return PCA(n_components).fit(X).explained_variance_ratio_.sum()


@pytest.mark.parametrize("kind", ["table", "images", "sparse"])
def test_an_untrained_autoencoder_is_pca(autoencoder, table, images, kind):
    """After steps of no length, it keeps what PCA keeps."""
    X = {"table": table, "images": images, "sparse": csr_array(table)}[kind]
    rows = X.toarray() if kind == "sparse" else X.reshape(len(X), -1)
    estimator = autoencoder(lr=1e-12, scaling="shared", clip=False, augmentation=None).fit(X)
    assert estimator.score(X) == pytest.approx(kept_by_pca(rows, 3), abs=1e-4)


@pytest.mark.parametrize("encoding_dim", [8, 32, 64])
@pytest.mark.parametrize("sample_shape", [(8, 8), (64,)], ids=["images", "flat"])
def test_an_autoencoder_is_not_behind_pca(encoding_dim, sample_shape):
    """On digits that neither has seen, whatever the size of the code."""
    X = load_digits().data
    train, test = X[:500], X[1000:]
    estimator = AutoencoderTransformer(
        encoding_dim, sample_shape=sample_shape, max_epochs=10, random_state=0
    ).fit(train)
    pca = PCA(encoding_dim).fit(train)
    errors = [
        np.square(rebuilt - test).sum() / np.square(test - test.mean(0)).sum()
        for rebuilt in (
            estimator.reconstruct(test),
            pca.inverse_transform(pca.transform(test)),
        )
    ]
    assert errors[0] <= errors[1] + 0.002


def test_noise_is_not_learned(autoencoder):
    """Where features tell nothing of each other, held-out samples want PCA back."""
    X = np.random.default_rng(0).normal(size=(60, 12))
    estimator = autoencoder(max_epochs=60, lr=0.01, hidden_layer_sizes=(64,), scaling="feature")
    assert estimator.fit(X).resolved_params_["shrinkage"] == 1
    kept = kept_by_pca(StandardScaler().fit_transform(X), 3)
    assert estimator.score(X) == pytest.approx(kept, abs=1e-3)


def test_the_shrinkage_asked_for_is_taken(autoencoder, table):
    """All of what is learned, or none; the trial leaves no trace in the fit."""
    longer = partial(autoencoder, max_epochs=40, lr=0.03)
    scores = [longer(shrinkage=share).fit(table).score(table) for share in (0, 0.5, 1)]
    assert scores[0] > scores[1] > scores[2]
    chosen = autoencoder().fit(table)
    repeated = autoencoder(shrinkage=chosen.resolved_params_["shrinkage"]).fit(table)
    np.testing.assert_array_equal(chosen.transform(table), repeated.transform(table))


def test_the_first_numbers_of_a_nested_code_tell_the_most(autoencoder):
    """What is kept by the first of them adds up to the score, and exceeds that of a plain code."""
    rng = np.random.default_rng(0)
    X = np.tanh(rng.normal(size=(300, 3)) @ rng.normal(size=(3, 12)))
    nested, plain = (
        autoencoder(encoding_dim=6, nested=nested, max_epochs=60, lr=0.01).fit(X)
        for nested in (True, False)
    )
    ratio = nested.explained_variance_ratio_
    assert ratio.shape == (6,)
    assert ratio.sum() == pytest.approx(nested.score(X), abs=1e-6)
    assert ratio[0] == ratio.max()
    codes = nested.transform(X)
    codes[:, 2:] = 0
    error = np.square(nested.inverse_transform(codes) - X).sum()
    assert 1 - error / np.square(X - X.mean(0)).sum() == pytest.approx(ratio[:2].sum(), abs=1e-5)
    assert not hasattr(plain, "explained_variance_ratio_")


def test_a_float_is_the_share_of_the_variance_to_keep(table, images):
    """The code has as many numbers as PCA has components for it."""
    for X in (table, images):
        rows = X.reshape(len(X), -1)
        estimator = AutoencoderTransformer(0.8, max_epochs=1, scaling="shared", random_state=0)
        expected = PCA(0.8).fit(rows).n_components_
        assert estimator.fit(X).transform(X).shape == (len(X), expected)
        assert estimator.resolved_params_["encoding_dim"] == expected


@pytest.mark.parametrize(
    "params",
    [
        {"linear_path": False},
        {"code_activation": "sigmoid"},
        {"sparsity_weight": 0.1},
    ],
    ids=str,
)
def test_another_wish_makes_the_encoder_plain(autoencoder, plane, params):
    """Codes that are not to start as components come from hidden layers alone."""
    estimator = autoencoder(**params).fit(plane)
    assert isinstance(estimator.encoder_, DenseEncoder)
    assert estimator.resolved_params_["linear_path"] is False
    assert "shrinkage" not in estimator.resolved_params_


def test_a_decoder_of_ones_own_has_no_linear_path(autoencoder, plane):
    """decoder= a class is used as it is, behind hidden layers; asking for both is refused."""
    mine = autoencoder(decoder=lambda dim, shape: nn.Linear(dim, *shape))
    assert isinstance(mine.fit(plane).encoder_, DenseEncoder)
    with pytest.raises(ValueError, match="linear_path=True lets an encoder and a decoder of this"):
        mine.set_params(linear_path=True).fit(plane)


def test_the_convolutional_parts_have_the_channels_asked_for(autoencoder, images):
    """conv_channels and kernel_size are those of the stages; the decoder mirrors them."""
    estimator = autoencoder(conv_channels=(3, 5), kernel_size=5).fit(images)

    def channels(part, kind):
        return [
            (m.in_channels, m.out_channels, m.kernel_size)
            for m in part.modules()
            if isinstance(m, kind)
        ]

    assert channels(estimator.encoder_, nn.Conv2d) == [(1, 3, (5, 5)), (3, 5, (5, 5))]
    assert channels(estimator.decoder_, nn.ConvTranspose2d) == [(5, 3, (5, 5)), (3, 1, (5, 5))]


def test_kernels_have_one_size_in_all_parts(classifier, table, labels):
    """The wide kernels of sequences are those of a back end on their code too."""
    estimator = classifier(channel_axis=None, backend="cnn", backend_input="code")
    estimator.fit(table, labels)

    def kernels(part):
        return {m.kernel_size for m in part.modules() if hasattr(m, "in_channels")}

    assert kernels(estimator.encoder_) == kernels(estimator.decoder_) == {(7,)}
    assert kernels(estimator.net_.module_.backend) == {(7,)}


@pytest.mark.parametrize("kind", ["table", "images"])
def test_scaling_is_part_of_the_network(autoencoder, request, kind):
    """With scaling='feature' every feature is standardised by its own mean and deviation."""
    X = request.getfixturevalue(kind).reshape(40, -1).astype(float)
    estimator = autoencoder(scaling="feature").fit(X)
    layout = estimator.net_.module_.layout
    np.testing.assert_allclose(layout.mean, X.mean(axis=0))
    np.testing.assert_allclose(layout.scale, X.std(axis=0))


def test_scaling_of_images_is_one_mean_and_one_scale_a_channel(autoencoder):
    """With scaling='shared' all positions of a channel have one mean and one scale."""
    X = np.random.default_rng(0).normal([1, 10, 100], [1, 2, 3], size=(20, 4, 5, 3))
    layout = autoencoder().fit(X).net_.module_.layout
    mean, scale = layout.mean.reshape(4, 5, 3), layout.scale.reshape(4, 5, 3)
    np.testing.assert_allclose(mean, np.broadcast_to(X.mean(axis=(0, 1, 2)), (4, 5, 3)))
    np.testing.assert_allclose(scale, np.broadcast_to(X.std(axis=(0, 1, 2)), (4, 5, 3)))


def test_scaling_none_passes_rows_on(autoencoder, table):
    """With scaling=None the network sees the numbers as they are."""
    layout = autoencoder(scaling=None).fit(table).net_.module_.layout
    assert (layout.mean == 0).all()
    assert (layout.scale == 1).all()


@pytest.mark.parametrize(
    ("factors", "shared"), [([1, 2, 3, 4, 5], True), ([1, 1, 1, 1, 1e3], False)]
)
def test_auto_scaling_looks_at_the_units(autoencoder, table, factors, shared):
    """A table in one unit shares a scale, a table of mixed units does not."""
    scale = autoencoder().fit(table * factors).net_.module_.layout.scale
    assert (len(scale.unique()) == 1) == shared


def test_constant_attributes_do_not_hide_state(autoencoder, table):
    """Fitted attributes end in an underscore; parameters are as they were passed."""
    estimator = autoencoder()
    before = estimator.get_params()
    estimator.fit(table)
    assert estimator.get_params() == before
    assert estimator.n_features_in_ == 5
    assert estimator.sample_shape_ == (5,)
    assert list(estimator.get_feature_names_out()) == [
        f"autoencodertransformer{i}" for i in range(3)
    ]


# -- reconstructions as output ----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["table", "images"])
def test_the_output_may_be_the_reconstruction(autoencoder, request, kind):
    """output='reconstruction' makes transform what reconstruct is, in the layout of X."""
    X = request.getfixturevalue(kind)
    estimator = autoencoder(output="reconstruction").fit(X)
    np.testing.assert_array_equal(estimator.transform(X), autoencoder().fit(X).reconstruct(X))
    assert estimator.transform(X).shape == X.shape
    np.testing.assert_array_equal(
        autoencoder(output="reconstruction").fit_transform(X), estimator.transform(X)
    )


def test_reconstructed_features_keep_their_names(autoencoder, table):
    """Columns of the output are those of the input, one to one."""
    X = pd.DataFrame(table, columns=list("abcde"))
    estimator = autoencoder(output="reconstruction").set_output(transform="pandas").fit(X)
    assert list(estimator.get_feature_names_out()) == list("abcde")
    assert list(estimator.transform(X).columns) == list("abcde")


def test_a_reconstruction_is_not_inverted(autoencoder, table):
    """With output='reconstruction' there is no inverse_transform, and hasattr says why."""
    estimator = autoencoder(output="reconstruction").fit(table)
    assert not hasattr(estimator, "inverse_transform")
    with pytest.raises(AttributeError) as caught:
        estimator.inverse_transform(table)
    assert "output='code'" in f"{caught.value} {caught.value.__cause__}"


def test_reconstructed_images_feed_a_network(autoencoder, cnn_classifier, images, labels):
    """A denoising autoencoder ahead of a CNN passes images on as images."""
    denoiser = autoencoder(output="reconstruction", noise="gaussian")
    pipe = make_pipeline(denoiser, cnn_classifier()).fit(images, labels)
    rebuilt = autoencoder(noise="gaussian").fit(images).reconstruct(images)
    expected = cnn_classifier().fit(rebuilt, labels).predict_proba(rebuilt)
    np.testing.assert_array_equal(pipe.predict_proba(images), expected)
    assert pipe[-1].sample_shape_ == (6, 5)


@pytest.mark.parametrize("value", ["codes", None, 1])
def test_an_unknown_output_is_refused(autoencoder, table, value):
    """output is 'code' or 'reconstruction'."""
    with pytest.raises(ValueError, match=r"'output' parameter of .* must be a str among"):
        autoencoder(output=value).fit(table)


# -- noise ------------------------------------------------------------------------------------


def squares(x, level, generator):
    """Noise of a user: the squares of the numbers."""
    return x.square()


@pytest.mark.parametrize("noise", ["gaussian", "masking", "swap", squares])
@pytest.mark.parametrize("kind", ["table", "images"])
@pytest.mark.parametrize("name", ["autoencoder", "variational", "detector"])
def test_noise_is_for_training_only(request, kind, noise, name):
    """Every kind of noise trains, repeats with the seed, and leaves results alone."""
    X, make = request.getfixturevalue(kind), request.getfixturevalue(name)
    first, second = (make(noise=noise).fit(X) for _ in range(2))
    assert first.loss_curve_ == second.loss_curve_ != make().fit(X).loss_curve_
    np.testing.assert_array_equal(first.transform(X), first.transform(X))
    np.testing.assert_array_equal(first.transform(X), second.transform(X))


@pytest.mark.parametrize("noise", ["gaussian", "masking", "swap"])
def test_noise_of_level_zero_is_none(autoencoder, table, noise):
    """noise_level=0 trains as without noise, but for the draws."""
    noisy = autoencoder(noise=noise, noise_level=0.0).fit(table)
    np.testing.assert_array_equal(noisy.transform(table), autoencoder().fit(table).transform(table))


def test_denoising_beats_copying(autoencoder, plane):
    """Fitted with noise, an autoencoder takes noise away: it was compared with clean inputs."""
    noisy = plane + 0.5 * plane.std() * np.random.default_rng(1).normal(size=plane.shape)
    parameters = {"encoding_dim": 2, "hidden_layer_sizes": (16,), "max_epochs": 150, "lr": 0.02}
    estimator = autoencoder(**parameters, noise="gaussian", noise_level=0.5).fit(plane)
    assert ((estimator.reconstruct(noisy) - plane) ** 2).mean() < ((noisy - plane) ** 2).mean()


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_sparse_codes_are_asked_for(autoencoder, plane, weight):
    """sparsity_weight adds a penalty to the loss, and shows it in the history."""
    row = autoencoder(sparsity_weight=weight).fit(plane).history_[-1]
    total = row["train_reconstruction_loss"] + weight * row.get("train_sparsity_penalty", 0)
    assert row["train_loss"] == pytest.approx(total, rel=1e-5)
    assert ("train_sparsity_penalty" in row) == (weight > 0)
