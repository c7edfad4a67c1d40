"""Networks of plain torch, as a textbook has them; images are grey, (n, height, width)."""

from itertools import pairwise

from torch import nn, optim

LR = 1e-3
TRAINING = {"optimizer": optim.Adam, "lr": LR, "train_split": None, "verbose": 0}
TRAINING |= {"iterator_train__shuffle": True}  # by skorch


def dense(*sizes, last=None):
    """Return linear layers with ReLU between them, and a last activation, if any."""
    layers = [layer for ends in pairwise(sizes) for layer in (nn.Linear(*ends), nn.ReLU())]
    return nn.Sequential(*layers[:-1], *[last] * (last is not None))


def autoencoder():
    """Return encoder and decoder of Keras's blog, for images as rows of 784 pixels from 0 to 1."""
    decoder = dense(32, 64, 128, 784, last=nn.Sigmoid())
    return nn.Sequential(dense(784, 128, 64, 32, last=nn.ReLU()), decoder)


def stages(*channels):
    """Return convolutions of images, each with ReLU and pooling."""
    layers = [nn.Unflatten(1, (1, -1))]  # from (n, height, width)
    for n_in, n_out in pairwise(channels):
        layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers)


def head():
    """Return what tells ten classes from feature maps."""
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(128), nn.ReLU(), nn.Linear(128, 10))


def cnn():
    """Return the source article's network."""
    return nn.Sequential(stages(1, 32, 64), head())


class Joint(nn.Module):
    """Two stages of convolution, a code of 32 and its decoder, and a CNN on the feature map."""

    def __init__(self):
        super().__init__()
        up = {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}
        self.encoder = stages(1, 16, 64)
        self.bottleneck = nn.Linear(64 * 7 * 7, 32)
        self.decoder = nn.Sequential(
            nn.Linear(32, 64 * 7 * 7),
            nn.Unflatten(1, (64, 7, 7)),
            nn.ReLU(),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 16, **up),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, **up),
            nn.Flatten(1, 2),
        )
        pooling = nn.MaxPool2d(2, ceil_mode=True)
        self.backend = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), pooling, head())

    def forward(self, x):
        features = self.encoder(x)
        return self.backend(features), self.decoder(self.bottleneck(features.flatten(1)))
