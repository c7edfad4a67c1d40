"""
Time series classification with unequal lengths
===============================================

Recordings seldom have the same length. Pad them with NaN after their last step, so that they form
one array: :class:`~sk_aecnn.CNNClassifier` takes NaN for what it is, values that are not there, and
:class:`~sk_aecnn.AECNNClassifier` does as well. Nothing has to be cut off, stretched or filled in.

The series here are shapes drawn in the air, as a motion sensor records them: two velocities at 25
steps a second, for 1.4 to 4.8 seconds. One class differs from another in nothing but its duration.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sk_aecnn import CNNClassifier

threadpool_limits(limits=1)  # networks this small gain little from more threads

# %%
# The series
# ----------
# Everyone draws at a speed and a size of their own, at an angle, and does not keep the pace.

CORNERS = {
    "triangle": [(0, 0), (1, 2), (2, 0), (0, 0)],
    "square": [(0, 0), (0, 2), (2, 2), (2, 0), (0, 0)],
    "zigzag": [(0, 0), (0.5, 2), (1, 0), (1.5, 2), (2, 0)],
    "star": [(0, 0), (1, 2), (2, 0), (-0.2, 1.3), (2.2, 1.3), (0, 0)],
}
RATE = 25  # steps a second
DURATIONS = {"slow triangle": (3.6, 4.8)}  # seconds; the others take from 1.4 to 3.2


def draw(name, rng):
    """Return the velocities of a drawing, (steps, 2)."""
    corners = np.array(CORNERS[name.removeprefix("slow ")], dtype=float)
    n_steps = int(RATE * rng.uniform(*DURATIONS.get(name, (1.4, 3.2))))
    pace = np.cumsum(rng.gamma(4, size=n_steps + 1))
    corner_times = np.linspace(0, 1, len(corners))
    times = (pace - pace[0]) / (pace[-1] - pace[0])
    path = np.stack([np.interp(times, corner_times, axis) for axis in corners.T], axis=1)
    angle = rng.normal(0, 0.3)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    velocities = np.diff(path @ turn * rng.uniform(0.7, 1.3), axis=0) * RATE
    return velocities + rng.normal(0, 0.8, velocities.shape)


rng = np.random.default_rng(0)
names = [*CORNERS, "slow triangle"]
labels = np.repeat(names, 60)
series = [draw(name, rng) for name in labels]

# %%
# Pad them with NaN
# -----------------
# A sample is (time, channels), which ``channel_axis=-1`` says.

lengths = np.array([len(one) for one in series])
X = np.full((len(series), lengths.max(), 2), np.nan, dtype=np.float32)
for row, one in zip(X, series, strict=True):
    row[: len(one)] = one
print(f"{len(X)} series of {lengths.min()} to {lengths.max()} steps: {X.shape}")

# %%
# For comparison, stretch them
# ----------------------------
# The usual alternative interpolates all series to one length, which any classifier takes. What it
# loses is the duration.

n_steps = 60
stretched = np.array(
    [
        [np.interp(np.linspace(0, 1, n_steps), np.linspace(0, 1, len(one)), v) for v in one.T]
        for one in series
    ]
).transpose(0, 2, 1)
rows = stretched.reshape(len(X), -1)

models = {
    "CNNClassifier, padded with NaN": (CNNClassifier(channel_axis=-1, random_state=0), X),
    "CNNClassifier, stretched": (CNNClassifier(channel_axis=-1, random_state=0), stretched),
    "nearest neighbour, stretched": (KNeighborsClassifier(1), rows),
    "logistic regression, stretched": (
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        rows,
    ),
}
train, test = train_test_split(np.arange(len(X)), stratify=labels, test_size=0.5, random_state=0)
predicted = {}
for name, (model, samples) in models.items():
    predicted[name] = model.fit(samples[train], labels[train]).predict(samples[test])
    print(f"{name:<31} accuracy {np.mean(predicted[name] == labels[test]):.3f}")

# %%
# Two drawings of each class, and how often each class is recognised
# ------------------------------------------------------------------
# Above, the vertical velocity. Triangles and slow triangles are the pair that stretching confuses.

fig, axes = plt.subplots(
    2, len(names), figsize=(9, 5), layout="constrained", height_ratios=[1, 1.3]
)
for ax, name in zip(axes[0], names, strict=True):
    for one in np.flatnonzero(labels == name)[:2]:
        ax.plot(np.arange(lengths[one]) / RATE, series[one][:, 1], lw=0.9)
    ax.set(title=name, xlim=(0, lengths.max() / RATE), yticks=[], xlabel="s")
for ax in axes[1]:
    ax.remove()
ax = fig.add_subplot(axes[1, 0].get_gridspec()[1, :])
width = 0.8 / len(models)
for k, (name, answers) in enumerate(predicted.items()):
    found = [np.mean(answers[labels[test] == each] == each) for each in names]
    ax.bar(np.arange(len(names)) + (k - 1.5) * width, found, width, label=name)
ax.set_xticks(range(len(names)), names)
ax.set(ylabel="share recognised", ylim=(0, 1.05))
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
plt.show()
