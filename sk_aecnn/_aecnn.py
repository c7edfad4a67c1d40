"""The joint pair of autoencoder and back end: one constructor and one network for all tasks."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral, Real

from sk_aecnn._base import NetworkEstimator, check_sizes
from sk_aecnn._codes import CODER_CONSTRAINTS, CodesMixin, check_kernel_size, plan_coder
from sk_aecnn._compat import Interval, StrOptions
from sk_aecnn.nn import CNNBackend, JointNetwork, build

BACKEND_CONSTRAINTS = {
    "reconstruction_weight": [Interval(Real, 0, None, closed="left")],
    "backend_input": [StrOptions({"code", "features"})],
    "backend_channels": ["array-like", Interval(Integral, 1, None, closed="left")],
    "pooling": [StrOptions({"average", "max"})],
    "dense_units": [Interval(Integral, 1, None, closed="left")],
    "dropout": [Interval(Real, 0, 1, closed="left")],
}


class JointEstimator(CodesMixin, NetworkEstimator):
    """An autoencoder whose encoder feeds a back end, trained together."""

    _parameter_constraints = (
        NetworkEstimator._parameter_constraints | CODER_CONSTRAINTS | BACKEND_CONSTRAINTS
    )

    def __init__(
        self,
        encoding_dim=32,
        *,
        reconstruction_weight=1.0,
        backend_input="features",
        backend_channels=(64,),
        pooling="max",
        dense_units=128,
        dropout=0.0,
        architecture="auto",
        hidden_layer_sizes=(256, 128),
        conv_channels="auto",
        kernel_size=3,
        activation="relu",
        code_activation="identity",
        reconstruction_loss="mse",
        scaling="auto",
        sample_shape=None,
        channel_axis="auto",
        max_epochs="auto",
        batch_size="auto",
        lr=1e-2,
        optimizer="adamw",
        weight_decay=1e-4,
        lr_schedule="one_cycle",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        callbacks=None,
        verbose=0,
        device="auto",
        precision="float32",
        random_state=None,
        warm_start=False,
    ):
        self.encoding_dim = encoding_dim
        self.reconstruction_weight = reconstruction_weight
        self.backend_input = backend_input
        self.backend_channels = backend_channels
        self.pooling = pooling
        self.dense_units = dense_units
        self.dropout = dropout
        self.architecture = architecture
        self.hidden_layer_sizes = hidden_layer_sizes
        self.conv_channels = conv_channels
        self.kernel_size = kernel_size
        self.activation = activation
        self.code_activation = code_activation
        self.reconstruction_loss = reconstruction_loss
        self.scaling = scaling
        self.sample_shape = sample_shape
        self.channel_axis = channel_axis
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.callbacks = callbacks
        self.verbose = verbose
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.warm_start = warm_start

    @abstractmethod
    def _n_outputs(self, data):
        """Return the size of the back end's output."""

    @abstractmethod
    def _objective(self, reconstruction_loss):
        """Return the objective that adds the reconstruction loss to that of the task."""

    def _build_network(self, data, geometry, generator):
        coder = plan_coder(self, data, geometry)
        encoder = build(coder.encoder, self._dtype, generator)
        decoder = build(coder.decoder, self._dtype, generator)
        on_code = self.backend_input == "code"
        in_shape = (self.encoding_dim,) if on_code else encoder.feature_shape
        backend = build(self._plan_backend(in_shape, self._n_outputs(data)), self._dtype, generator)
        network = JointNetwork(
            coder.layout,
            encoder,
            decoder,
            backend,
            self.backend_input,
            coder.probabilities,
            reconstructs=self.reconstruction_weight > 0,
        )
        return network, self._objective(coder.loss)

    def _plan_backend(self, in_shape, n_outputs):
        channels = check_sizes("backend_channels", self.backend_channels, at_least=1)
        return lambda: CNNBackend(
            in_shape,
            n_outputs,
            channels,
            check_kernel_size(self.kernel_size),
            self.pooling,
            self.dense_units,
            self.dropout,
            self.activation,
        )
