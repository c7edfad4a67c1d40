"""The joint pair of autoencoder and back end: one constructor and one network for all tasks."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

from sklearn.frozen import FrozenEstimator

from sk_aecnn._backends import BACKEND_CONSTRAINTS, build_backend
from sk_aecnn._batches import without_targets
from sk_aecnn._coder import (
    CODE_CONSTRAINTS,
    CODER_CONSTRAINTS,
    build_coder,
    build_corruption,
    code_losses,
)
from sk_aecnn._codes import CodingEstimator, EncoderMixin
from sk_aecnn._compat import Interval, StrOptions
from sk_aecnn._moving import JITTER_CONSTRAINTS, MOVING_CONSTRAINTS, build_jitter, build_shift
from sk_aecnn._sizes import auto_backend_channels, check_sizes
from sk_aecnn._training import train
from sk_aecnn.losses import Objective
from sk_aecnn.nn import Autoencoder, JointNetwork

JOINT_CONSTRAINTS = {
    "reconstruction_weight": [Interval(Real, 0, None, closed="left")],
    "backend_input": [StrOptions({"code", "features"})],
    "backend_channels": [
        StrOptions({"auto"}),
        "array-like",
        Interval(Integral, 1, None, closed="left"),
    ],
    "pretrain_epochs": [Interval(Integral, 0, None, closed="left")],
    "freeze_encoder": ["boolean"],
}

# how rows without a class are corrupted where ``noise`` does not say
_CORRUPTION = ("gaussian", 1.5)


class JointEstimator(EncoderMixin, CodingEstimator):
    """An autoencoder whose encoder feeds a back end, trained together or one after the other."""

    _table_encoder = "pieces"

    _parameter_constraints = (
        CodingEstimator._parameter_constraints
        | CODER_CONSTRAINTS
        | CODE_CONSTRAINTS
        | BACKEND_CONSTRAINTS
        | MOVING_CONSTRAINTS
        | JITTER_CONSTRAINTS
        | JOINT_CONSTRAINTS
    )

    def __init__(
        self,
        encoding_dim=32,
        *,
        reconstruction_weight=1.0,
        backend_input="features",
        backend="cnn",
        backend_channels="auto",
        pooling="max",
        dense_units=128,
        dropout=0.0,
        encoder="auto",
        decoder="auto",
        hidden_layer_sizes=(256, 128),
        conv_channels="auto",
        kernel_size="auto",
        activation="silu",
        code_activation="identity",
        normalization="auto",
        reconstruction_loss="mse",
        noise=None,
        noise_level=0.3,
        max_shift="auto",
        jitter="auto",
        sparsity_weight=0.0,
        scaling="auto",
        sample_shape=None,
        channel_axis="auto",
        pretrain_epochs=0,
        freeze_encoder=False,
        unlabeled=None,
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
        self.encoding_dim = encoding_dim
        self.reconstruction_weight = reconstruction_weight
        self.backend_input = backend_input
        self.backend = backend
        self.backend_channels = backend_channels
        self.pooling = pooling
        self.dense_units = dense_units
        self.dropout = dropout
        self.encoder = encoder
        self.decoder = decoder
        self.hidden_layer_sizes = hidden_layer_sizes
        self.conv_channels = conv_channels
        self.kernel_size = kernel_size
        self.activation = activation
        self.code_activation = code_activation
        self.normalization = normalization
        self.reconstruction_loss = reconstruction_loss
        self.noise = noise
        self.noise_level = noise_level
        self.max_shift = max_shift
        self.jitter = jitter
        self.sparsity_weight = sparsity_weight
        self.scaling = scaling
        self.sample_shape = sample_shape
        self.channel_axis = channel_axis
        self.pretrain_epochs = pretrain_epochs
        self.freeze_encoder = freeze_encoder
        self.unlabeled = unlabeled
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
    def _task_losses(self):
        """Return the losses of the task, by name."""

    @abstractmethod
    def _agreement_losses(self):
        """Return the losses of rows without a target, by name."""

    def _build_net(self, job):
        coder, reconstruction_loss = build_coder(
            self, job, n_encoded=self.encoding_dim, code_activation=self.code_activation
        )
        self._check_stages()
        self.pretrain_loss_curve_ = []
        if self.pretrain_epochs:
            self.pretrain_loss_curve_ = self._pretrain(coder, reconstruction_loss, job)
        channels = self.backend_channels
        if isinstance(channels, str):
            channels = auto_backend_channels(job.geometry)
        channels = check_sizes("backend_channels", channels, at_least=1)
        on_code = self.backend_input == "code"
        in_shape: Any = (self.encoding_dim,) if on_code else coder.encoder.feature_shape
        n_outputs = self._n_outputs(job.data)
        backend = build_backend(self, job, in_shape, channels, n_outputs)
        reconstructs = self.reconstruction_weight > 0 and not self.freeze_encoder
        all_known = job.data.known is None
        agreement = {} if self.unlabeled is None else self._agreement_losses()
        noise = _CORRUPTION if self.noise is None else (self.noise, self.noise_level)
        network = JointNetwork(
            **coder.parts(),
            backend=backend,
            n_outputs=n_outputs,
            moving=build_shift(self, job, by_default=self._classifies),
            jitter=build_jitter(self, job, by_default=self._classifies and all_known),
            backend_input=self.backend_input,
            reconstructs=reconstructs,
            frozen=self.freeze_encoder,
            copying=build_corruption(*noise) if agreement else None,
        )
        terms = self._task_losses() | agreement
        weights = {"agreement_loss": getattr(self, "agreement_weight", 0.0)}
        if reconstructs:
            code_terms, code_weights = code_losses(self, reconstruction_loss)
            terms |= code_terms
            weights |= code_weights | {"reconstruction_loss": self.reconstruction_weight}
        return job.build_net(network, Objective(terms, weights), self._nonlinearity())

    def _check_stages(self):
        """Raise where a stage has nothing to train, or to go on from."""
        if self.freeze_encoder and not (
            self.pretrain_epochs or isinstance(self.encoder, FrozenEstimator)
        ):
            raise ValueError(
                "freeze_encoder=True would freeze an encoder of random weights. Pass "
                "pretrain_epochs, or a fitted transformer: "
                "encoder=FrozenEstimator(AutoencoderTransformer().fit(X))."
            )
        if self.sparsity_weight > 0 and not (self.reconstruction_weight or self.pretrain_epochs):
            raise ValueError(
                f"sparsity_weight={self.sparsity_weight} has no code to make sparse with "
                "reconstruction_weight=0. Pass a positive reconstruction_weight, or "
                "sparsity_weight=0."
            )

    def _pretrain(self, coder, reconstruction_loss, job):
        """Train the autoencoder by itself, in place; return the loss of each epoch."""
        network = Autoencoder(**coder.parts())
        objective = Objective(*code_losses(self, reconstruction_loss))
        job = replace(
            job,
            options=replace(
                job.options, max_epochs=self.pretrain_epochs, patience=None, callbacks=[]
            ),
        )
        net = job.build_net(network, objective)
        train(net, job.options, without_targets(job.training), None, job.progress)
        return net.history[:, "train_loss"]
