"""
Use a custom PyTorch module: a residual encoder
===============================================

``encoder``, ``decoder`` and ``backend`` take a `torch.nn.Module` class, or a function that returns
a module. It is called with the shape of its input and the size of its output; everything else, from
the scaling to ``predict``, is unchanged. Here the encoder has a skip connection around its second
convolution, as residual networks do.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score, train_test_split
from threadpoolctl import threadpool_limits
from torch import nn

from sk_aecnn import AECNNClassifier, AutoencoderTransformer

threadpool_limits(limits=1)  # networks this small gain little from more threads

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, digits.target, test_size=450, stratify=digits.target, random_state=0
)

# %%
# The class
# ---------
# ``in_shape`` is the shape of a sample with the channels first, here (1, 8, 8). ``forward`` maps
# (batch, 1, 8, 8) to (batch, encoding_dim). That is all an encoder needs.


class ResidualEncoder(nn.Module):
    def __init__(self, in_shape, encoding_dim):
        super().__init__()
        channels, height, width = in_shape
        self.first = nn.Conv2d(channels, 32, 3, padding=1)
        self.second = nn.Conv2d(32, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.last = nn.Linear(32 * (height // 2) * (width // 2), encoding_dim)

    def features(self, x):
        first = self.first(x).relu()
        return self.pool(first + self.second(first).relu())

    def code(self, features):
        return self.last(features.flatten(1))

    def forward(self, x):
        return self.code(self.features(x))


# %%
# Use it
# ------
# The class is passed, not an instance, so that each fit creates a new network, with weights that
# depend on its ``random_state``. The decoder is the default one.

SETTINGS = {"max_epochs": 6, "batch_size": 32, "random_state": 0}

models = {
    'encoder="auto"': AutoencoderTransformer(8, **SETTINGS),
    "encoder=ResidualEncoder": AutoencoderTransformer(8, encoder=ResidualEncoder, **SETTINGS),
}
fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for name, model in models.items():
    model.fit(X_train)
    print(f"{name:<24} R² on the test images {model.score(X_test):.3f}")
    ax.plot(range(1, model.n_iter_ + 1), model.loss_curve_, label=name)
ax.set(xlabel="epoch", ylabel="reconstruction error R in training")
ax.set_ylim(bottom=0)
ax.legend()
plt.show()

# %%
# The back end of a classifier, elsewhere called a head, sees the code of such an encoder. With an
# attribute ``feature_shape`` and methods ``features`` and ``code``, which make up ``forward``, it
# sees the feature map.


class ResidualFeatures(ResidualEncoder):
    def __init__(self, in_shape, encoding_dim):
        super().__init__(in_shape, encoding_dim)
        self.feature_shape = (32, in_shape[1] // 2, in_shape[2] // 2)


for encoder in (ResidualEncoder, ResidualFeatures):
    classifier = AECNNClassifier(8, encoder=encoder, max_epochs=3, batch_size=32, random_state=0)
    classifier.fit(X_train, y_train)
    print(f"{encoder.__name__:<17} accuracy {classifier.score(X_test, y_test):.3f}")

# %%
# Cross-validation and searches, which fit copies of an estimator, work as usual.

scores = cross_val_score(models["encoder=ResidualEncoder"], X_train, cv=2)
print(f"R² in two folds: {scores[0]:.3f}, {scores[1]:.3f}")
