"""
Explain predictions with integrated gradients
=============================================

``to_torch`` returns a method of a fitted estimator as a :class:`torch.nn.Module` that takes samples
as they are, so that gradients are with respect to pixels and columns in their own units. Integrated
gradients (Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks") share the
difference between two predictions out among the inputs: the one for a sample, and the one for a
baseline. They take a few lines, and packages such as Captum take the same module.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from sk_aecnn import AECNNClassifier, CNNRegressor

threadpool_limits(limits=1)  # networks this small gain little from more threads


def integrated_gradients(function, samples, baseline, n_steps=64):
    """Mean gradient on the straight way from the baseline, times its length along each input."""
    total = torch.zeros_like(samples)
    for share in (torch.arange(n_steps) + 0.5) / n_steps:
        on_the_way = (baseline + share * (samples - baseline)).requires_grad_()
        total += torch.autograd.grad(function(on_the_way).sum(), on_the_way)[0]
    return total / n_steps * (samples - baseline)


# %%
# An image
# --------
# The attributions explain the logarithm of the probability of the predicted digit, relative to the
# mean image: red pixels speak for the digit, blue ones against it.

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images, digits.target, test_size=0.25, random_state=0
)
classifier = AECNNClassifier(max_epochs=10, random_state=0).fit(X_train, y_train)
module = classifier.to_torch("predict_log_proba")

images = torch.from_numpy(X_test[:5])
baseline = torch.from_numpy(X_train.mean(axis=0))
predicted = module(images).argmax(dim=1)


def log_probability(samples):
    """The logarithm of the probability of the digit that is predicted."""
    return module(samples).gather(1, predicted[:, None])[:, 0]


pixels = integrated_gradients(log_probability, images, baseline)

fig, axes = plt.subplots(2, 5, figsize=(8, 3.6), layout="constrained")
largest = pixels.abs().max()
for column, (image, attribution, label) in enumerate(
    zip(images, pixels, predicted.tolist(), strict=True)
):
    axes[0, column].imshow(image, cmap="gray_r")
    axes[0, column].set_title(f"predicted: {label}")
    picture = axes[1, column].imshow(attribution, cmap="coolwarm", vmin=-largest, vmax=largest)
for ax in axes.flat:
    ax.set_axis_off()
fig.colorbar(picture, ax=axes[1], label="attribution (nats)")
plt.show()

# %%
# They add up to the difference that they explain, up to the error of the numerical integration.

with torch.no_grad():
    difference = log_probability(images) - log_probability(baseline.expand_as(images))
for explained, found in zip(difference, pixels.sum(dim=(1, 2)), strict=True):
    print(f"difference {explained:6.2f}, sum of the attributions {found:6.2f}")

# %%
# A table
# -------
# The prediction for a patient (the progression of diabetes after a year) is compared with that for
# the mean patient. The contribution of each column is in the units of the target.

table = load_diabetes(as_frame=True, scaled=False)
regressor = CNNRegressor(random_state=0).fit(table.data, table.target)
rows = torch.tensor(table.data.to_numpy())
columns = integrated_gradients(regressor.to_torch(), rows, rows.mean(dim=0)).numpy()

patient = int(np.argmax(regressor.predict(table.data)))
order = np.argsort(np.abs(columns[patient]))
labels = [f"{name} = {table.data.iloc[patient][name]:g}" for name in table.data.columns[order]]

fig, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
ax.barh(labels, columns[patient][order])
ax.axvline(0, color="black", linewidth=0.8)
ax.set_xlabel("contribution to the difference from the mean patient")
ax.set_title("The patient with the highest prediction")
plt.show()

# %%
# The mean absolute contribution of a column over all patients shows how much the network uses it.

sizes = np.abs(columns).mean(axis=0)
for index in np.argsort(-sizes):
    print(f"{table.data.columns[index]:<5} {sizes[index]:5.1f}")
