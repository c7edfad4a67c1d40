"""The estimators of this package, set up for the same work as the plain loops."""

from functools import partial

from torch import nn

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, CNNClassifier

TRAINING = {
    "lr": 1e-3,
    "optimizer": "adam",
    "weight_decay": 0.0,
    "lr_schedule": "constant",
    "random_state": 0,
    "device": "cpu",
}
# without what a plain loop does not do to images and labels
PLAIN = {"normalization": None, "max_shift": 0, "jitter": 0, "label_smoothing": 0}


def fitting(estimator, *data):
    return lambda: estimator.fit(*data).loss_curve_[-1]


def autoencoder(work, X):
    ae = AutoencoderTransformer(
        32,
        hidden_layer_sizes=(64, 32),
        code_activation="relu",
        max_epochs=work.epochs,
        batch_size=work.batch_size,
        **TRAINING,
    )
    return fitting(ae, X)


def classify_images(work, X, y, precision="float32"):
    cnn = CNNClassifier(
        conv_channels=(32, 64),
        max_epochs=work.epochs,
        batch_size=work.batch_size,
        precision=precision,
        **PLAIN,
        **TRAINING,
    )
    return fitting(cnn, X, y)


def classify_and_reconstruct(work, X, y, precision="float32"):
    joint = AECNNClassifier(
        32,
        max_epochs=work.epochs,
        batch_size=work.batch_size,
        precision=precision,
        **PLAIN,
        **TRAINING,
    )
    return fitting(joint, X, y)


def _linear(in_shape, n_outputs):
    return nn.Linear(in_shape[0], n_outputs)


def rows_classifier(work):
    """Return 50-100-4: one hidden layer as features, a linear back end, no decoder."""
    return AECNNClassifier(
        2,
        encoder="dense",
        hidden_layer_sizes=(100,),
        reconstruction_weight=0.0,
        backend=_linear,
        label_smoothing=0,
        max_epochs=work.epochs or 1,
        batch_size=work.batch_size or 1024,
        **TRAINING,
    )


def classify_rows(work, X, y):
    return fitting(rows_classifier(work), X, y)


def digits(work, X, y):
    ae = AutoencoderTransformer(
        16,
        hidden_layer_sizes=(32,),
        code_activation="relu",
        max_epochs=work.epochs,
        batch_size=work.batch_size,
        **TRAINING,
    )
    return fitting(ae, X)


def encoder(X):
    ae = AutoencoderTransformer(32, hidden_layer_sizes=(64, 32), max_epochs=1, random_state=0)
    return ae.fit(X[:2000])


def encode(work, X):
    return partial(encoder(X).transform, X)


def encode_one(work, X):
    return partial(encoder(X).transform, X[:1])


def predict_one(work, X, y):
    return partial(rows_classifier(work).fit(X, y).predict, X[:1])


NAME = "sk_aecnn"
VARIANTS = {
    "autoencoder": {NAME: autoencoder},
    "cnn": {
        NAME: classify_images,
        f"{NAME}, bfloat16": partial(classify_images, precision="bfloat16"),
    },
    "joint": {
        NAME: classify_and_reconstruct,
        f"{NAME}, bfloat16": partial(classify_and_reconstruct, precision="bfloat16"),
    },
    "table": {NAME: classify_rows},
    "digits": {NAME: digits},
    "encode": {NAME: encode},
    "encode-one": {NAME: encode_one},
    "predict-one": {NAME: predict_one},
}
