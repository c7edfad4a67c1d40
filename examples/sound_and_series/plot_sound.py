"""
Sound classification from spectrograms
======================================

A spectrogram is a picture of a sound: the loudness of each frequency over time. It is computed with
``scipy.signal``, and :class:`~sk_aecnn.AECNNClassifier` classifies it as an image. The sounds here
are synthetic words: a buzz with resonances (formants) that glide from one vowel to another, by
"speakers" who differ in pitch and in the size of the mouth. The test speakers are not among the
training speakers.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import ShortTimeFFT, lfilter
from scipy.signal.windows import hann
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sk_aecnn import AECNNClassifier

threadpool_limits(limits=1)  # networks this small gain little from more threads

RATE = 8000  # samples a second
# the first three formants of three vowels, Hz (Peterson & Barney 1952, men)
FORMANTS = {"a": (730, 1090, 2440), "i": (270, 2290, 3010), "u": (300, 870, 2240)}
WORDS = ("ai", "ia", "au", "ua", "iu")


def glide(word, pitch, size, rng, n_pieces=20):
    """Return 0.6 s of a waveform: at a random time, a buzz whose resonances move."""
    first, last = (np.array(FORMANTS[vowel]) * rng.normal(1, 0.05, size=3) for vowel in word)
    buzz = np.zeros(int(rng.uniform(0.2, 0.3) * RATE))
    buzz[:: int(RATE / pitch)] = 1.0
    shares, state, sound = np.linspace(0, 1, n_pieces), [np.zeros(2)] * 3, []
    for share, piece in zip(shares, np.array_split(buzz, n_pieces), strict=True):
        for k, formant in enumerate((1 - share) * first + share * last):
            frequency, radius = 2 * np.pi * formant / size / RATE, 0.96
            resonance = [1.0, -2 * radius * np.cos(frequency), radius**2]
            piece, state[k] = lfilter([1.0], resonance, piece, zi=state[k])
        sound.extend(piece)
    wave = rng.normal(scale=0.05, size=int(0.6 * RATE))
    start = rng.integers(len(wave) - len(sound))
    wave[start : start + len(sound)] += sound / np.std(sound) * rng.uniform(0.3, 2.0)
    return wave


rng = np.random.default_rng(0)
n_speakers, n_each = 12, 5
speakers = [(rng.uniform(90, 250), rng.uniform(0.85, 1.2)) for _ in range(n_speakers)]
waves, labels, groups = [], [], []
for speaker, (pitch, size) in enumerate(speakers):
    for word in WORDS:
        for _ in range(n_each):
            waves.append(glide(word, pitch * rng.normal(1, 0.05), size, rng))
            labels.append(word)
            groups.append(speaker)

# %%
# From waveforms to pictures
# --------------------------

spectrum = ShortTimeFFT(hann(64), hop=256, fs=RATE)
X = np.log10(1e-3 + np.array([spectrum.spectrogram(wave) for wave in waves])).astype(np.float32)
y, groups = np.array(labels), np.array(groups)
print(f"{len(X)} pictures of {X.shape[1]} frequencies by {X.shape[2]} times")

fig, axes = plt.subplots(1, len(WORDS), figsize=(9, 2.4), sharey=True, layout="constrained")
for ax, name in zip(axes, WORDS, strict=True):
    end = waves[0].size / RATE
    ax.imshow(X[y == name][0], origin="lower", aspect="auto", extent=(0, end, 0, RATE / 2000))
    ax.set(title=name, xlabel="time, s")
axes[0].set_ylabel("frequency, kHz")

# %%
# Test on new speakers
# --------------------
# With a random split, each speaker would be in the training and in the test set, and the accuracy
# would be too optimistic.

split = GroupShuffleSplit(1, test_size=0.25, random_state=0)
train, test = next(split.split(X, y, groups))
models = {
    "AECNNClassifier": AECNNClassifier(max_epochs=25, random_state=0),
    "LogisticRegression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
}
for name, model in models.items():
    samples = X if name == "AECNNClassifier" else X.reshape(len(X), -1)
    model.fit(samples[train], y[train])
    print(f"{name:<20} accuracy on new speakers {model.score(samples[test], y[test]):.3f}")

# %%

display = ConfusionMatrixDisplay.from_predictions(
    y[test], models["AECNNClassifier"].predict(X[test]), colorbar=False, labels=list(WORDS)
)
display.ax_.set_title("Words of new speakers")
plt.show()
