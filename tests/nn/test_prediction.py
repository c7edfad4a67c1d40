"""The networks that predict: with an autoencoder before the back end, or without."""

import pytest
import torch

from sk_aecnn.nn import (
    BatchNorm,
    CNNBackend,
    ConvolutionalNetwork,
    Corruption,
    JointNetwork,
    set_generator,
)


@pytest.fixture
def joint(parts, augmented, seeded, stream):
    """A factory of joint networks."""

    def make(backend_input="features", **options):
        coder = parts() | {"corruption": options.pop("corruption", Corruption(None, 0.0))}
        consistent = options.pop("consistent", coder["corruption"].noise is not None)
        shape = (4,) if backend_input == "code" else coder["parts"].feature_shape
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

    return make


@pytest.mark.parametrize("backend_input", ["code", "features"])
def test_the_joint_network_predicts_and_reconstructs(rows, backend_input, joint):
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


def test_the_back_end_sees_the_code_of_transform(rows, joint):
    """With backend_input='code' predictions are a function of the codes alone."""
    network = joint("code").eval()
    torch.testing.assert_close(network.backend(network.encode(rows)), network.predict(rows))


def test_a_frozen_encoder_stays_as_it_is(rows, joint):
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


LABELED = torch.tensor([True, False, True, False, False, True, True])


def add_one(x, level, generator):
    return x + level


@pytest.mark.parametrize("backend_input", ["code", "features"])
@pytest.mark.parametrize("reconstructs", [False, True])
def test_unlabeled_rows_are_seen_twice(rows, reconstructs, backend_input, joint):
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


def test_rows_and_their_copies_are_augmented_apart(rows, joint, augmented, translation, stream):
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


def test_copies_have_the_weights_of_their_rows(rows, joint):
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
def test_all_or_none_may_be_labeled(rows, labeled, joint):
    """A batch of labeled rows has no copies; in one of unlabeled rows each has a copy."""
    outputs = joint(corruption=Corruption(add_one, 1.0))(rows, labeled=labeled)
    assert outputs["prediction"].shape == (7, 3)
    assert outputs["corrupted"].shape == (int((~labeled).sum()), 3)


def test_rows_are_seen_once_in_prediction(rows, joint):
    """In evaluation, and where it is not told which rows are labeled, there are no copies."""
    network = joint(corruption=Corruption(add_one, 1.0))
    assert "corrupted" not in network(rows)
    assert "corrupted" not in network.eval()(rows, labeled=LABELED)
    assert "corrupted" not in joint()(rows, labeled=LABELED)


def test_a_convolutional_network_predicts_from_standardised_rows(rows, parts, augmented, seeded):
    """The back end sees the rows in the network's layout, and its prediction is the output."""
    backend = seeded(CNNBackend, (2, 6, 5), 3, (4,))
    network = ConvolutionalNetwork(parts()["parts"].layout, backend, 3, augmented()).eval()
    outputs = network(rows)
    assert list(outputs) == ["prediction"]
    torch.testing.assert_close(outputs["prediction"], backend(network.layout(rows)))
    torch.testing.assert_close(network.predict(rows), outputs["prediction"])


def test_a_convolutional_network_translates_its_rows(
    rows, parts, augmented, seeded, translation, stream
):
    """While training, the back end sees translated rows; prediction takes them where they are."""
    backend = seeded(CNNBackend, (2, 6, 5), 3, (4,))
    network = ConvolutionalNetwork(parts()["parts"].layout, backend, 3, augmented(0.4))
    set_generator(network, stream())
    again = translation(0.4)
    again.generator = stream()
    torch.testing.assert_close(network(rows)["prediction"], network.predict(again(rows)))
    torch.testing.assert_close(network.eval()(rows)["prediction"], network.predict(rows))


def test_networks_see_other_contrast_and_brightness_while_training(
    rows, parts, joint, augmented, seeded, stream
):
    """Both networks see rows perturbed; the target is the row as it was."""
    backend = seeded(CNNBackend, (2, 6, 5), 3, (4,))
    lighting = {"contrast": 0.5, "brightness": 0.5}
    alone = ConvolutionalNetwork(parts()["parts"].layout, backend, 3, augmented(**lighting))
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


def test_light_rows_count_for_less_and_heavy_ones_for_no_more(rows, parts, augmented, seeded):
    """In the statistics of a batch a weight is a share of a row, up to a whole one."""
    backend = seeded(CNNBackend, (2, 6, 5), 3, (4,))
    network = ConvolutionalNetwork(parts()["parts"].layout, backend, 3, augmented())
    times = torch.tensor([1, 2, 1, 4, 1, 2, 1])
    repeated = network(rows.repeat_interleave(times, 0))["prediction"]
    less = network(rows, times / 4)["prediction"]
    torch.testing.assert_close(less.repeat_interleave(times, 0), repeated, rtol=1e-4, atol=1e-5)
    heavy = network(rows, times.float())["prediction"]
    torch.testing.assert_close(heavy, network(rows)["prediction"], rtol=1e-4, atol=1e-5)
