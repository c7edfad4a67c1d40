"""The whole networks: rows in; reconstructions, codes and predictions out."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from sk_aecnn.nn import (
    Augmentation,
    Autoencoder,
    BatchNorm,
    CNNBackend,
    ConvDecoder,
    ConvEncoder,
    ConvolutionalNetwork,
    Corruption,
    InputLayout,
    JointNetwork,
    RandomBrightness,
    RandomContrast,
    RandomTranslation,
    VariationalAutoencoder,
    build,
    divergence_from_normal,
    set_generator,
)


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def seeded(*recipe):
    return build(partial(*recipe), torch.float32, stream())


def parts(noise=None, probabilities=False, n_encoded=4):
    return {
        "layout": InputLayout(
            (6, 5, 2), 2, torch.full((60,), 10.0).double(), torch.full((60,), 2.0).double()
        ),
        "encoder": seeded(ConvEncoder, 2, (6, 5), (3,), n_encoded),
        "decoder": seeded(ConvDecoder, 2, (6, 5), (3,), 4),
        "encoding_dim": 4,
        "corruption": Corruption(noise, 0.5),
        "probabilities": probabilities,
    }


SHAPE = ((6, 5, 2), 2)


def translation(strength):
    """Return what translates samples of six by five positions with two channels."""
    return RandomTranslation(*SHAPE, strength)


def augmented(translate=0.0, contrast=0.0, brightness=0.0, fade=False):
    """Return the transforms of samples of six by five positions with two channels."""
    strengths = {RandomContrast: contrast, RandomBrightness: brightness}
    perturbs = [kind(*SHAPE, strength) for kind, strength in strengths.items() if strength > 0]
    return Augmentation([translation(translate)], perturbs, fade)


def joint(backend_input="features", **options):
    coder = parts() | {"corruption": options.pop("corruption", Corruption(None, 0.0))}
    consistent = options.pop("consistent", coder["corruption"].noise is not None)
    shape = (4,) if backend_input == "code" else coder["encoder"].feature_shape
    backend = seeded(CNNBackend, shape, 3, (4,))
    network = JointNetwork(
        **coder,
        backend=backend,
        n_outputs=3,
        augmentation=options.pop("augmentation", augmented()),
        consistent=consistent,
        backend_input=backend_input,
        **options,
    )
    set_generator(network, stream())
    return network


def variational(**options):
    network = VariationalAutoencoder(**parts(n_encoded=8, **options))
    set_generator(network, stream())
    return network


@pytest.fixture
def rows():
    return 10 + torch.randn(7, 60, generator=stream())


@pytest.fixture
def pixels():
    return torch.rand(7, 60, generator=stream())


# -- autoencoder ------------------------------------------------------------------------------


def test_an_autoencoder_returns_its_output_its_target_and_its_code(rows):
    """The target is the standardised input, the output has its shape, the code is encode's."""
    network = Autoencoder(**parts()).eval()
    outputs = network(rows)
    assert list(outputs) == ["output", "target", "code"]
    assert outputs["output"].shape == outputs["target"].shape == (7, 2, 6, 5)
    torch.testing.assert_close(outputs["target"], network.layout(rows))
    torch.testing.assert_close(outputs["code"], network.encode(rows))
    torch.testing.assert_close(
        network.layout.restore(network.layout.flatten(outputs["output"])), network.reconstruct(rows)
    )


def test_probabilities_are_compared_with_the_rows_themselves(pixels):
    """For the binary cross-entropy the target is not standardised, and outputs are sigmoids."""
    network = Autoencoder(**parts(probabilities=True)).eval()
    torch.testing.assert_close(network(pixels)["target"], network.layout.arrange(pixels))
    rebuilt = network.reconstruct(pixels).detach()
    assert float(rebuilt.min()) >= 0
    assert float(rebuilt.max()) <= 1


@pytest.mark.parametrize("probabilities", [False, True])
def test_errors_are_those_of_the_reconstruction(rows, probabilities):
    """Squared errors per feature and per row are in the units of the input, or standardised."""
    network = Autoencoder(**parts(probabilities=probabilities)).eval()
    squares = (rows - network.reconstruct(rows)).double().square()
    close = {"rtol": 1e-3, "atol": 1e-3}
    torch.testing.assert_close(network.squared_error(rows), squares, **close)
    torch.testing.assert_close(network.mean_squared_error(rows), squares.mean(1), **close)
    torch.testing.assert_close(network.standardised_squared_error(rows), squares / 4, **close)
    torch.testing.assert_close(
        network.standardised_mean_squared_error(rows), squares.mean(1) / 4, **close
    )


def test_the_encoder_sees_noise_and_the_target_does_not(rows):
    """A denoising autoencoder is compared with the clean input, and is clean in prediction."""
    network = Autoencoder(**parts("gaussian"))
    clean = Autoencoder(**parts())
    clean.load_state_dict(network.state_dict())
    set_generator(network, stream())
    noisy = network(rows)
    torch.testing.assert_close(noisy["target"], network.layout(rows), rtol=0, atol=0)
    assert not torch.equal(noisy["code"], clean(rows)["code"])
    clean.load_state_dict(network.state_dict())
    torch.testing.assert_close(network.eval()(rows), clean.eval()(rows), rtol=0, atol=0)


def test_weights_are_put_away_after_each_batch(rows):
    """Row weights reach the normalisation for one forward pass and no longer."""
    network = Autoencoder(**parts())
    plain = network(rows)["output"]
    weighted = network(rows, torch.arange(7.0))["output"]
    again = network(rows)["output"]
    assert not torch.equal(weighted, plain)
    torch.testing.assert_close(again, plain, rtol=0, atol=0)


def test_weights_are_put_away_after_an_error(rows):
    """A forward pass that fails leaves no weights behind."""
    network = Autoencoder(**parts())
    network.decoder = nn.Linear(1, 1)
    with pytest.raises(RuntimeError):
        network(rows, torch.ones(7))
    norms = [layer for layer in network.modules() if isinstance(layer, BatchNorm)]
    assert [norm.row_weight for norm in norms] == [None]


# -- variational autoencoder ------------------------------------------------------------------


def test_the_divergence_is_that_of_torch():
    """Each unit's divergence from the prior is what torch.distributions computes."""
    mean = torch.randn(5, 3, generator=stream(), dtype=torch.float64)
    deviation = torch.rand(5, 3, generator=stream(), dtype=torch.float64) + 0.1
    expected = kl_divergence(Normal(mean, deviation), Normal(0.0, 1.0))
    torch.testing.assert_close(divergence_from_normal(mean, deviation), expected)


def test_a_variational_network_knows_its_distributions(rows):
    """The divergence of rows is that of their means and deviations, which are positive."""
    network = variational().eval()
    mean, deviation = network.distribution(network.layout(rows))
    assert mean.shape == deviation.shape == (7, 4)
    assert bool((deviation > 0).all())
    expected = kl_divergence(Normal(mean.double(), deviation.double()), Normal(0.0, 1.0))
    torch.testing.assert_close(network.divergence(rows), expected)
    torch.testing.assert_close(network.encode(rows), mean)


def test_deviations_are_never_zero(rows):
    """However sure the encoder is, the divergence stays finite."""
    network = variational().eval()
    network.encoder.bottleneck.bias.data.fill_(-1e4)
    assert bool(network.divergence(rows).isfinite().all())


def test_the_mean_is_decoded_in_prediction(rows):
    """In evaluation a forward pass draws nothing and decodes the mean."""
    network = variational().eval()
    outputs = network(rows)
    assert list(outputs) == ["output", "target", "mean", "deviation"]
    torch.testing.assert_close(outputs["mean"], network.encode(rows), rtol=0, atol=0)
    torch.testing.assert_close(outputs["output"], network.decoder(outputs["mean"]))
    torch.testing.assert_close(network(rows), outputs, rtol=0, atol=0)


def test_draws_are_decoded_in_training(rows):
    """While training, what is decoded is mean plus deviation times normal numbers."""
    network, state = variational(), torch.get_rng_state()
    outputs, again = network(rows), network(rows)
    torch.testing.assert_close(torch.get_rng_state(), state, rtol=0, atol=0)
    assert not torch.equal(outputs["output"], again["output"])
    torch.testing.assert_close(outputs["mean"], again["mean"], rtol=0, atol=0)
    draws = torch.empty(7, 4).normal_(generator=stream())
    code = outputs["mean"] + outputs["deviation"] * draws
    torch.testing.assert_close(outputs["output"], network.decoder(code), rtol=0, atol=0)


def test_the_error_of_draws_is_the_squared_error(rows):
    """Each draw, the same for every row, is decoded and compared in standardised units."""
    network, draws = variational().eval(), torch.randn(3, 4, generator=stream()).double()
    error = network.draw_error(rows, draws)
    assert error.shape == (7, 2, 3)
    assert error.dtype == torch.float64
    assert (error[:, 1] == 0).all()
    mean, deviation = network.distribution(network.layout(rows))
    for column, draw in zip(error[:, 0].T, draws, strict=True):
        output = network.layout.flatten(network.decoder(mean + deviation * draw.float()))
        expected = (network.layout.standardise(rows) - output).double().square().sum(1)
        torch.testing.assert_close(column, expected)


def test_the_error_of_drawn_probabilities_is_the_cross_entropy(pixels):
    """Where outputs are logits, draws are compared with the rows by binary cross-entropy."""
    network = variational(probabilities=True).eval()
    mean = network.encode(pixels)
    squares, error = network.draw_error(pixels, torch.zeros(1, 4))[:, :, 0].T
    assert (squares == 0).all()
    logits = network.layout.flatten(network.decoder(mean)).double()
    expected = F.binary_cross_entropy_with_logits(logits, pixels.double(), reduction="none").sum(1)
    torch.testing.assert_close(error, expected)


# -- joint network ----------------------------------------------------------------------------


@pytest.mark.parametrize("backend_input", ["code", "features"])
def test_the_joint_network_predicts_and_reconstructs(rows, backend_input):
    """Prediction, output, target and code come from one pass; without a decoder, the first."""
    network = joint(backend_input).eval()
    outputs = network(rows)
    assert list(outputs) == ["prediction", "output", "target", "code"]
    assert outputs["prediction"].shape == (7, 3)
    assert outputs["output"].shape == outputs["target"].shape == (7, 2, 6, 5)
    torch.testing.assert_close(network.predict(rows), outputs["prediction"])
    torch.testing.assert_close(network.encode(rows), outputs["code"])
    network.reconstructs = False
    torch.testing.assert_close(network(rows), {"prediction": outputs["prediction"]})


def test_the_back_end_sees_the_code_of_transform(rows):
    """With backend_input='code' predictions are a function of the codes alone."""
    network = joint("code").eval()
    torch.testing.assert_close(network.backend(network.encode(rows)), network.predict(rows))


def test_a_frozen_encoder_stays_as_it_is(rows):
    """Encoder and decoder neither learn, nor follow the statistics of batches."""
    network = joint(frozen=True, reconstructs=False).train()
    assert network.training
    assert network.backend.training
    assert not network.encoder.training
    assert not network.decoder.training
    before = {name: value.clone() for name, value in network.encoder.state_dict().items()}
    network(rows)["prediction"].sum().backward()
    torch.testing.assert_close(dict(network.encoder.state_dict()), before, rtol=0, atol=0)
    coder = [*network.encoder.parameters(), *network.decoder.parameters()]
    assert all(p.grad is None and not p.requires_grad for p in coder)
    assert all(p.grad is not None for p in network.backend.parameters())


# -- consistency --------------------------------------------------------------------------------

LABELED = torch.tensor([True, False, True, False, False, True, True])


def add_one(x, level, generator):
    return x + level


@pytest.mark.parametrize("backend_input", ["code", "features"])
@pytest.mark.parametrize("reconstructs", [False, True])
def test_unlabeled_rows_are_seen_twice(rows, reconstructs, backend_input):
    """A corrupted copy of each unlabeled row, and of no other, follows the clean rows."""
    network = joint(backend_input, corruption=Corruption(add_one, 1.0), reconstructs=reconstructs)
    for norm in (layer for layer in network.modules() if isinstance(layer, BatchNorm)):
        norm.eval()  # each row for itself
    outputs = network(rows, labeled=LABELED)
    names = ["prediction", "corrupted", *(["output", "target", "code"] if reconstructs else [])]
    assert list(outputs) == names
    clean, noisy = network.layout(rows), network.layout(rows[~LABELED]) + 1

    def predict(x):
        return network._predict(network.encoder.features(x))

    torch.testing.assert_close(outputs["prediction"], predict(clean))
    torch.testing.assert_close(outputs["corrupted"], predict(noisy))
    if reconstructs:
        torch.testing.assert_close(outputs["target"], clean)
        torch.testing.assert_close(outputs["code"], network.encoder(clean))
        torch.testing.assert_close(outputs["output"], network.decoder(network.encoder(clean)))


def test_rows_and_their_copies_are_augmented_apart(rows):
    """What the network sees, and should rebuild, is translated; copies go ways of their own."""
    network = joint(consistent=True, augmentation=augmented(0.4))
    outputs = network(rows, labeled=LABELED)
    again = translation(0.4)
    again.generator = stream()
    copies, translated = again(rows[~LABELED]), again(rows)
    torch.testing.assert_close(outputs["target"], network.layout(translated), rtol=0, atol=0)
    assert not torch.equal(translated, rows)
    assert not torch.equal(copies, translated[~LABELED])
    assert not torch.equal(outputs["corrupted"], outputs["prediction"][~LABELED])


def test_copies_have_the_weights_of_their_rows(rows):
    """Statistics are those of a batch in which unlabeled rows and their copies count alike."""
    weight = torch.tensor([1.0, 2, 0, 3, 1, 2, 1]) / 3
    network = joint(corruption=Corruption(add_one, 1.0))
    weighted = network(rows, weight, LABELED)
    norm = network.encoder.body[0].norm
    norm.momentum = 1.0
    network(rows, weight, LABELED)
    together = torch.cat([network.layout(rows), network.layout(rows[~LABELED]) + 1])
    values = network.encoder.body[0].pool(network.encoder.body[0].conv(together))
    share = torch.cat([weight, weight[~LABELED]]) / (weight.sum() + weight[~LABELED].sum())
    torch.testing.assert_close(norm.running_mean, share @ values.flatten(2).mean(2))
    assert weighted["prediction"].shape == (7, 3)
    assert weighted["corrupted"].shape == (3, 3)


@pytest.mark.parametrize("labeled", [torch.ones(7).bool(), torch.zeros(7).bool()])
def test_all_or_none_may_be_labeled(rows, labeled):
    """A batch of labeled rows has no copies; in one of unlabeled rows each has a copy."""
    outputs = joint(corruption=Corruption(add_one, 1.0))(rows, labeled=labeled)
    assert outputs["prediction"].shape == (7, 3)
    assert outputs["corrupted"].shape == (int((~labeled).sum()), 3)


def test_rows_are_seen_once_in_prediction(rows):
    """In evaluation, and where it is not told which rows are labeled, there are no copies."""
    network = joint(corruption=Corruption(add_one, 1.0))
    assert "corrupted" not in network(rows)
    assert "corrupted" not in network.eval()(rows, labeled=LABELED)
    assert "corrupted" not in joint()(rows, labeled=LABELED)


def test_an_autoencoder_rebuilds_translated_rows_where_they_were(rows):
    """The encoder sees rows that are translated; the target is the rows as they are."""
    network = Autoencoder(**parts(), augmentation=augmented(0.4, fade=True))
    network.augmentation.progress = 0.0
    set_generator(network, stream())
    again = translation(0.4)
    again.generator = stream()
    outputs, translated = network(rows), again(rows)
    assert not torch.equal(translated, rows)
    torch.testing.assert_close(outputs["target"], network.layout(rows), rtol=0, atol=0)
    torch.testing.assert_close(outputs["code"], network.encoder(network.layout(translated)))
    torch.testing.assert_close(network.encode(rows), network.encoder(network.layout(rows)))


# -- convolutional network --------------------------------------------------------------------


def test_a_convolutional_network_predicts_from_standardised_rows(rows):
    """The back end sees the rows in the network's layout, and its prediction is the output."""
    backend = seeded(CNNBackend, (2, 6, 5), 3, (4,))
    network = ConvolutionalNetwork(parts()["layout"], backend, 3, augmented()).eval()
    outputs = network(rows)
    assert list(outputs) == ["prediction"]
    torch.testing.assert_close(outputs["prediction"], backend(network.layout(rows)))
    torch.testing.assert_close(network.predict(rows), outputs["prediction"])


def test_a_convolutional_network_translates_its_rows(rows):
    """While training, the back end sees translated rows; prediction takes them where they are."""
    backend = seeded(CNNBackend, (2, 6, 5), 3, (4,))
    network = ConvolutionalNetwork(parts()["layout"], backend, 3, augmented(0.4))
    set_generator(network, stream())
    again = translation(0.4)
    again.generator = stream()
    torch.testing.assert_close(network(rows)["prediction"], network.predict(again(rows)))
    torch.testing.assert_close(network.eval()(rows)["prediction"], network.predict(rows))


def test_networks_see_other_contrast_and_brightness_while_training(rows):
    """Both networks see rows perturbed; the target is the row as it was."""
    backend = seeded(CNNBackend, (2, 6, 5), 3, (4,))
    lighting = {"contrast": 0.5, "brightness": 0.5}
    alone = ConvolutionalNetwork(parts()["layout"], backend, 3, augmented(**lighting))
    again = augmented(**lighting)
    for network in (alone, joint(augmentation=augmented(**lighting))):
        set_generator(network, stream())
        set_generator(again, stream())
        outputs, seen = network(rows), again.perturb(network.layout(rows))
        if "target" in outputs:
            torch.testing.assert_close(outputs["target"], network.layout(rows))
            torch.testing.assert_close(outputs["code"], network.encoder(seen))
        else:
            torch.testing.assert_close(outputs["prediction"], backend(seen))


def test_light_rows_count_for_less_and_heavy_ones_for_no_more(rows):
    """In the statistics of a batch a weight is a share of a row, up to a whole one."""
    backend = seeded(CNNBackend, (2, 6, 5), 3, (4,))
    network = ConvolutionalNetwork(parts()["layout"], backend, 3, augmented())
    times = torch.tensor([1, 2, 1, 4, 1, 2, 1])
    repeated = network(rows.repeat_interleave(times, 0))["prediction"]
    less = network(rows, times / 4)["prediction"]
    torch.testing.assert_close(less.repeat_interleave(times, 0), repeated, rtol=1e-4, atol=1e-5)
    heavy = network(rows, times.float())["prediction"]
    torch.testing.assert_close(heavy, network(rows)["prediction"], rtol=1e-4, atol=1e-5)
