"""New codes like those of the training rows."""

import copy
import pickle

import numpy as np
import pytest

from sk_aecnn.statistics._mixture import (
    MOST_CODES,
    CodeMixture,
    check_n_samples,
    choose_rows,
    choose_whole_rows,
    resolve_rng,
)


def rng(seed=0):
    return np.random.RandomState(seed)


@pytest.fixture
def codes():
    """500 codes of correlated units, in float32."""
    independent = rng().standard_normal((500, 3))
    mixing = np.array([[2.0, 0.5, 0], [0, 1, -3], [0, 0, 0.1]])
    return (independent @ mixing + [5, -100, 0.01]).astype(np.float32)


# -- drawing ----------------------------------------------------------------------------------


def test_draws_have_the_mean_and_the_covariance_of_the_codes(codes):
    """New codes are distributed as those of the training rows."""
    drawn = CodeMixture(codes).draw(20_000, rng())
    assert drawn.shape == (20_000, 3)
    scale = codes.std(axis=0)
    np.testing.assert_allclose(drawn.mean(axis=0) / scale, codes.mean(axis=0) / scale, atol=0.05)
    np.testing.assert_allclose(
        np.corrcoef(drawn.T), np.corrcoef(codes.T.astype(np.float64)), atol=0.05
    )
    np.testing.assert_allclose(drawn.std(axis=0), scale, rtol=0.05)


def test_draws_follow_the_clusters():
    """Between two groups of codes there are no draws: the mixture has components."""
    groups = np.repeat([[-10.0, 0], [10, 0]], 100, axis=0) + rng().standard_normal((200, 2))
    drawn = CodeMixture(groups).draw(1000, rng())
    assert np.abs(drawn[:, 0]).min() > 3
    assert (drawn[:, 0] > 0).mean() == pytest.approx(0.5, abs=0.05)
    assert (drawn[:100, 0] > 0).mean() == pytest.approx(0.5, abs=0.2)  # not cluster by cluster


def test_each_class_has_codes_of_its_own(codes):
    """Draws of a class are like the codes of that class alone."""
    classes = np.repeat([0, 2], 250)
    codes = codes + 1000 * classes[:, None]
    sampler = CodeMixture(codes, classes)
    for code_class in (0, 2):
        drawn = sampler.draw(200, rng(), code_class)
        alone = CodeMixture(codes[classes == code_class]).draw(200, rng())
        np.testing.assert_array_equal(drawn, alone)
    assert sampler.draw(200, rng()).std() > 500


def test_one_row_is_drawn_as_it_is():
    """A single code has draws next to it."""
    drawn = CodeMixture(np.array([[3.0, -7.0]])).draw(5, rng())
    np.testing.assert_allclose(drawn, [[3, -7]] * 5, atol=0.01)


@pytest.mark.parametrize("n_codes", [2, 50, 300])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_a_constant_unit_stays_next_to_its_value(n_codes, value):
    """A unit that is the same for all rows is so for the draws, whatever the others do."""
    codes = np.column_stack([rng().standard_normal(n_codes), np.full(n_codes, value)])
    drawn = CodeMixture(codes).draw(100, rng())
    np.testing.assert_allclose(drawn[:, 1], value, rtol=1e-6, atol=0.01)


@pytest.mark.parametrize("n_distinct", [1, 2, 5])
def test_equal_codes_are_no_error(n_distinct):
    """However often codes are repeated, there are draws, without a warning."""
    codes = np.tile(np.arange(n_distinct * 2.0).reshape(-1, 2), (100, 1))
    drawn = CodeMixture(codes).draw(50, rng())
    assert np.isfinite(drawn).all()


def test_fewer_rows_than_units_are_no_error():
    """Codes of more units than rows can be drawn from."""
    drawn = CodeMixture(rng().standard_normal((5, 32))).draw(10, rng())
    assert drawn.shape == (10, 32)
    assert np.isfinite(drawn).all()


# -- random numbers ---------------------------------------------------------------------------


def test_the_same_seed_draws_the_same_codes(codes):
    """Draws depend on codes and seed alone, not on what was drawn before."""
    sampler = CodeMixture(codes)
    first, other = sampler.draw(7, rng()), sampler.draw(7, rng(1))
    np.testing.assert_array_equal(sampler.draw(7, rng()), first)
    np.testing.assert_array_equal(CodeMixture(codes).draw(7, rng()), first)
    assert not np.array_equal(other, first)
    stream = rng()
    assert not np.array_equal(sampler.draw(7, stream), sampler.draw(7, stream))


def test_the_global_stream_is_neither_read_nor_moved(codes):
    """numpy's global stream stays where it is, and does not count."""
    state = np.random.get_state()  # noqa: NPY002
    first = CodeMixture(codes).draw(7, rng())
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(after[1], state[1])
    assert after[2:] == state[2:]
    np.random.rand(3)  # noqa: NPY002
    np.testing.assert_array_equal(CodeMixture(codes).draw(7, rng()), first)


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_sampler_may_travel(codes, travel):
    """A copy draws what the original draws, before and after its mixtures are fitted."""
    sampler = CodeMixture(codes)
    fresh = travel(sampler)
    first = sampler.draw(7, rng())
    np.testing.assert_array_equal(fresh.draw(7, rng()), first)
    np.testing.assert_array_equal(travel(sampler).draw(7, rng()), first)


def test_a_random_state_is_a_stream():
    """A seed gives the same stream each time, a stream is itself, None is new each time."""
    assert resolve_rng(3).rand() == resolve_rng(3).rand()
    stream = rng()
    assert resolve_rng(stream) is stream
    assert resolve_rng(None).rand() != resolve_rng(None).rand()


# -- choosing rows ----------------------------------------------------------------------------


@pytest.mark.parametrize("n_rows", [1, 7, MOST_CODES])
def test_all_rows_are_chosen_up_to_a_number(n_rows):
    """As many rows as are kept are kept in order."""
    np.testing.assert_array_equal(choose_rows(n_rows, None, None), np.arange(n_rows))
    weight = np.full(n_rows, 2.0)
    np.testing.assert_array_equal(choose_rows(n_rows, weight, None), np.arange(n_rows))


def test_of_more_rows_some_are_chosen():
    """Of many rows 4096 different ones are kept, the same ones each time, from everywhere."""
    chosen = choose_rows(100_000, None, None)
    assert len(chosen) == len(np.unique(chosen)) == MOST_CODES
    assert (np.diff(chosen) > 0).all()
    assert chosen.mean() == pytest.approx(50_000, rel=0.05)
    np.testing.assert_array_equal(choose_rows(100_000, None, None), chosen)


def test_fewer_rows_of_many_features_are_chosen():
    """What is measured of every feature is bounded by its memory."""
    assert len(choose_whole_rows(10_000, 100, None)) == 4096
    assert len(choose_whole_rows(10_000, 16_384, None)) == 1024
    assert choose_whole_rows(3, 2**30, np.ones(3)).shape == (1,)


def test_every_class_has_as_many_rows():
    """Rows are shared among the classes; a rare class keeps all its rows."""
    classes = np.zeros(20_000, dtype=int)
    classes[:10_000], classes[-5:] = 1, 3
    chosen = choose_rows(len(classes), None, classes)
    share = MOST_CODES // 3
    assert np.bincount(classes[chosen]).tolist() == [share, share, 0, 5]


def test_rows_without_a_class_are_left_out():
    """Rows of a negative class code are not chosen."""
    classes = np.array([-1, 0, -1, 1, 1])
    assert choose_rows(5, None, classes).tolist() == [1, 3, 4]


@pytest.mark.parametrize("weight", [None, np.arange(1.0, 6)])
def test_where_no_row_has_a_class_all_are_alike(weight):
    """Rows of which none has a class are chosen as rows without classes are."""
    np.testing.assert_array_equal(
        choose_rows(5, weight, np.full(5, -1)), choose_rows(5, weight, None)
    )


def test_every_class_keeps_a_row():
    """However many classes there are, each keeps a code."""
    classes = np.repeat(np.arange(2 * MOST_CODES), 2)
    chosen = choose_rows(len(classes), None, classes)
    np.testing.assert_array_equal(classes[chosen], np.arange(2 * MOST_CODES))


@pytest.mark.parametrize("classes", [None, np.arange(3000) % 2])
def test_rows_are_chosen_by_their_weight(classes):
    """Rows come in proportion to their weights, as often as there are rows."""
    weight = np.ones(3000)
    weight[:1500] = 3
    chosen = choose_rows(3000, weight, classes)
    assert len(chosen) == 3000
    assert (chosen < 1500).mean() == pytest.approx(0.75, abs=0.03)
    if classes is not None:
        assert np.bincount(classes[chosen]).tolist() == [1500, 1500]


# -- numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_samples", [1, 7, np.int64(3), np.uint8(3)])
def test_a_number_of_samples_is_an_integer(n_samples):
    """Integers of Python and of numpy are numbers of samples."""
    checked = check_n_samples(n_samples)
    assert checked == n_samples
    assert type(checked) is int


@pytest.mark.parametrize("n_samples", [0, -1, 2.0, True, "3", None, [3], np.array([3])])
def test_anything_else_is_no_number_of_samples(n_samples):
    """Zero, fractions, booleans and lists are refused with what they are."""
    with pytest.raises(ValueError, match=r"n_samples=.* must be an integer of at least 1"):
        check_n_samples(n_samples)


# -- in an estimator --------------------------------------------------------------------------


def test_a_part_without_a_class_can_be_sampled_from(classifier, table, labels):
    """After an unlabeled part of the data, classes of earlier parts are still drawn."""
    estimator = classifier(unlabeled=-1).partial_fit(table, labels, classes=[0, 1, 2])
    estimator.partial_fit(table, np.full(40, -1))
    assert estimator.sample(3, random_state=0).shape == (3, 5)
    assert estimator.sample(3, y=1, random_state=0).shape == (3, 5)
    with pytest.raises(ValueError, match=r"2.* had no sample in fit"):
        estimator.sample(3, y=2)


def test_rows_with_equal_codes_can_be_sampled_from(autoencoder):
    """Data that do not vary have samples next to them, without a warning."""
    X = np.full((100, 2), 7.0)
    samples = autoencoder(encoding_dim=1).fit(X).sample(4, random_state=0)
    np.testing.assert_allclose(samples, np.full((4, 2), 7), atol=0.1)
