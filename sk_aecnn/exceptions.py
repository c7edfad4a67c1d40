"""The exceptions this package raises beside those of Python and scikit-learn."""

__all__ = ["DivergenceError"]


class DivergenceError(ValueError):
    """The training loss is no longer finite, or the weights give results that are not.

    Raised by ``fit`` and ``partial_fit``; the message names what is not finite and the remedy. The
    estimator is left as it was before the call.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_aecnn import AutoencoderTransformer, DivergenceError
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> try:
    ...     AutoencoderTransformer(lr=1e30, optimizer="sgd", random_state=0).fit(X)
    ... except DivergenceError as error:
    ...     print("lower the learning rate:", type(error).__name__)
    lower the learning rate: DivergenceError
    """
