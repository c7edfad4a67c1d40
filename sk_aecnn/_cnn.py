"""The convolutional back end by itself: one constructor and one network for all tasks."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral

from sk_aecnn._backends import BACKEND_CONSTRAINTS, build_backend
from sk_aecnn._base import NetworkEstimator
from sk_aecnn._compat import Interval, StrOptions
from sk_aecnn._moving import JITTER_CONSTRAINTS, MOVING_CONSTRAINTS, build_jitter, build_shift
from sk_aecnn._scaling import SCALING_CONSTRAINTS, fit_layout
from sk_aecnn._sizes import auto_backend_channels, check_sizes
from sk_aecnn._units import build_pieces
from sk_aecnn.losses import Objective
from sk_aecnn.nn import ACTIVATIONS, ConvolutionalNetwork, plan_channels


class ConvolutionalEstimator(NetworkEstimator):
    """A convolutional network on the samples themselves."""

    _parameter_constraints = (
        NetworkEstimator._parameter_constraints
        | BACKEND_CONSTRAINTS
        | MOVING_CONSTRAINTS
        | JITTER_CONSTRAINTS
        | SCALING_CONSTRAINTS
        | {
            "conv_channels": [
                StrOptions({"auto"}),
                "array-like",
                Interval(Integral, 1, None, closed="left"),
            ],
            "kernel_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
            "activation": [StrOptions(set(ACTIVATIONS)), callable],
        }
    )

    def __init__(
        self,
        conv_channels="auto",
        *,
        kernel_size="auto",
        pooling="max",
        dense_units=128,
        dropout=0.0,
        max_shift="auto",
        jitter="auto",
        activation="silu",
        normalization="auto",
        backend="cnn",
        scaling="auto",
        sample_shape=None,
        channel_axis="auto",
        max_epochs="auto",
        batch_size="auto",
        lr="auto",
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
        self.conv_channels = conv_channels
        self.kernel_size = kernel_size
        self.pooling = pooling
        self.dense_units = dense_units
        self.dropout = dropout
        self.max_shift = max_shift
        self.jitter = jitter
        self.activation = activation
        self.normalization = normalization
        self.backend = backend
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
        """Return the size of the output."""

    @abstractmethod
    def _task_losses(self):
        """Return the losses of the task, by name."""

    def _build_net(self, job):
        geometry = job.geometry
        flat = not geometry.spatial
        layout, moments = fit_layout(self, job.data, geometry, flat=flat)
        in_shape = (geometry.n_features,) if flat else (geometry.channels, *geometry.spatial)
        own = not isinstance(self.backend, str)
        pieces = None if own else build_pieces(self, job, layout, moments)
        channels = self.conv_channels
        if isinstance(channels, str):
            stages = () if flat else plan_channels(geometry.spatial)
            channels = (*stages, auto_backend_channels(geometry))
        channels = check_sizes("conv_channels", channels, at_least=1)
        n_outputs = self._n_outputs(job.data)
        backend = build_backend(self, job, in_shape, channels, n_outputs, pieces)
        moving = build_shift(self, job, by_default=self._classifies)
        jitter = build_jitter(self, job, by_default=self._classifies)
        network = ConvolutionalNetwork(layout, backend, n_outputs, moving, jitter)
        objective = Objective(self._task_losses(), {})
        return job.build_net(network, objective, self._nonlinearity())

    def _check_rows(self, rows):
        """Nothing: any finite numbers will do."""

    def _convolves(self, geometry):
        return bool(geometry.spatial)

    def _conclude(self, data):
        """Nothing: the network is all there is."""
