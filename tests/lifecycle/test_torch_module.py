"""Methods of fitted estimators as torch modules."""

import io
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import is_regressor
from sklearn.exceptions import NotFittedError

METHODS = ("predict_proba", "predict_log_proba", "transform", "reconstruct", "reconstruction_error")


def methods_of(estimator):
    """The methods of an estimator that are differentiable."""
    names = (*METHODS, "predict") if is_regressor(estimator) else METHODS
    return [name for name in names if hasattr(estimator, name)]


@pytest.mark.parametrize("kind", ["table", "images"])
def test_a_module_computes_what_the_method_does(every, request, labels, kind):
    """From samples as they are, in their type and layout, to results in theirs."""
    X = request.getfixturevalue(kind)
    estimator = every().fit(X, labels)
    for method in methods_of(estimator):
        module, expected = estimator.to_torch(method), getattr(estimator, method)(X)
        with torch.no_grad():
            found = module(torch.from_numpy(X)).numpy()
        assert found.shape == expected.shape, method
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5, err_msg=method)
        np.testing.assert_array_equal(
            module(torch.from_numpy(X.reshape(40, -1))).detach().numpy().ravel(), found.ravel()
        )


def test_a_module_is_differentiable(every, table, labels):
    """Gradients with respect to samples are those of finite differences."""
    estimator = every(precision="float64", activation="tanh").fit(table, labels)
    for method in methods_of(estimator):
        X = torch.from_numpy(table[:3].copy()).requires_grad_()
        assert torch.autograd.gradcheck(estimator.to_torch(method), (X,), atol=1e-4), method


def test_targets_keep_their_shape_and_units(cnn_regressor, table):
    """Several targets are a matrix; gradients are in their units."""
    y = np.column_stack([1e3 * table[:, 0] + 5, table[:, 1]])
    estimator = cnn_regressor().fit(table, y)
    module = estimator.to_torch("predict")
    np.testing.assert_allclose(
        module(torch.from_numpy(table)).detach(), estimator.predict(table), rtol=1e-5, atol=1e-5
    )
    assert set(dict(module.named_buffers())) >= {"result.mean", "result.scale"}


def test_the_first_method_is_taken(every, table, labels):
    """Without a name, classifiers give probabilities, regressors targets, others codes."""
    estimator = every().fit(table, labels)
    first = next(
        name for name in ("predict_proba", "predict", "transform") if name in methods_of(estimator)
    )
    X = torch.from_numpy(table)
    assert estimator.to_torch()(X).equal(estimator.to_torch(first)(X))


def test_a_module_is_a_copy(autoencoder, table):
    """What is done to a module does not change the estimator, and the other way round."""
    estimator = autoencoder().fit(table)
    module, codes = estimator.to_torch(), estimator.transform(table)
    before = module(torch.from_numpy(table))
    estimator.partial_fit(table)
    assert module(torch.from_numpy(table)).equal(before)
    codes = estimator.transform(table)
    with torch.no_grad():
        for weight in module.parameters():
            weight.zero_()
    np.testing.assert_array_equal(estimator.transform(table), codes)
    assert not module.training


def test_a_module_is_saved_as_any(classifier, table, labels):
    """Modules are pickled, and their weights are a ``state_dict``."""
    module = classifier().fit(table, labels).to_torch()
    X = torch.from_numpy(table)
    assert pickle.loads(pickle.dumps(module))(X).equal(module(X))
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other = classifier(random_state=1).fit(table, labels).to_torch()
    other.load_state_dict(torch.load(file, weights_only=True))
    assert other(X).equal(module(X))


def test_gradients_point_at_what_matters(classifier, labels):
    """Integrated gradients of a class are largest for the feature that makes it, and add up."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 5)) * 50 + 1000
    X[:, 3] += 500 * labels
    model = classifier(max_epochs=30).fit(X, labels).to_torch("predict_log_proba")
    samples, baseline = torch.from_numpy(X), torch.from_numpy(X.mean(axis=0))
    total = torch.zeros_like(samples)
    for share in (torch.arange(200) + 0.5) / 200:
        on_the_way = (baseline + share * (samples - baseline)).requires_grad_()
        model(on_the_way)[:, 1].sum().backward()
        total += on_the_way.grad / 200
    attributions = (total * (samples - baseline)).numpy()
    assert (np.abs(attributions).mean(axis=0).argmax()) == 3
    expected = model(samples)[:, 1] - model(baseline[None])[:, 1]
    np.testing.assert_allclose(attributions.sum(1), expected.detach(), rtol=0.05, atol=0.02)


def test_what_is_not_there_is_named(classifier, autoencoder, cnn_regressor, table, labels):
    """A method that there is not, is not differentiable or has no decoder says so."""
    with pytest.raises(NotFittedError):
        classifier().to_torch()
    fitted = classifier().fit(table, labels)
    message = "method='predict' must be one of the methods of AECNNClassifier .*predict_proba"
    with pytest.raises(ValueError, match=message):
        fitted.to_torch("predict")
    with pytest.raises(ValueError, match="method='fit' must be one"):
        fitted.to_torch("fit")
    with pytest.raises(AttributeError, match="predict_proba"):
        autoencoder().fit(table).to_torch("predict_proba")
    without = classifier(reconstruction_weight=0).fit(table, labels)
    with pytest.raises(AttributeError, match="reconstruct") as caught:
        without.to_torch("reconstruct")
    assert "reconstruction_weight=0 trains no decoder" in str(caught.value.__cause__)
    module = cnn_regressor().fit(table, labels).to_torch()
    for batch in (torch.zeros(3, 4), torch.zeros(5)):
        with pytest.raises(ValueError, match="samples of 5 values each are expected"):
            module(batch)


def test_categories_have_no_gradients(classifier, labels):
    """Columns of categories are refused, by name."""
    frame = pd.DataFrame({"size": np.arange(40.0), "colour": list("rgby") * 10})
    with pytest.raises(ValueError, match="Column 'colour' of X holds categories"):
        classifier().fit(frame, labels).to_torch()
