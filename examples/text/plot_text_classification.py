"""
Text classification with TF-IDF, and topics in the code
=======================================================

Texts become a sparse table of words by ``TfidfVectorizer``, and
:class:`~sk_aecnn.AECNNClassifier` takes this table as it is: it starts as a logistic regression,
and its code has a few numbers for each text, in which topics can be found.

The texts are docstrings of functions of numpy, scipy and scikit-learn, and the class is the
module that a function comes from.
"""

import inspect

import matplotlib.pyplot as plt
import numpy as np
import scipy.linalg
import scipy.signal
import scipy.stats
import sklearn.datasets
import sklearn.metrics
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from sk_aecnn import AECNNClassifier

threadpool_limits(limits=1)  # networks this small gain little from more threads

MODULES = (np.linalg, scipy.linalg, scipy.signal, scipy.stats, sklearn.datasets, sklearn.metrics)


def docstrings(module):
    functions = [getattr(module, name) for name in module.__all__]
    texts = [inspect.getdoc(function) or "" for function in functions if callable(function)]
    return [text for text in texts if len(text) > 200]


texts = [text for module in MODULES for text in docstrings(module)]
labels = [module.__name__ for module in MODULES for _ in docstrings(module)]
print(f"{len(texts)} texts of {len(MODULES)} modules, such as {texts[0][:60]!r}")

# %%
# From words to classes
# ---------------------
# Words that name the module would give the class away, so they are left out.

names = ["numpy", "scipy", "linalg", "signal", "stats", "sklearn", "datasets", "metrics"]
left_out = [*names, *ENGLISH_STOP_WORDS]
words = TfidfVectorizer(max_features=2000, stop_words=left_out, token_pattern=r"[a-z]{3,}")
train, test, y_train, y_test = train_test_split(
    texts, labels, test_size=0.4, stratify=labels, random_state=0
)
models = {
    "AECNNClassifier": AECNNClassifier(8, random_state=0),
    "LogisticRegression": LogisticRegression(C=10, max_iter=1000),
}
for name, model in models.items():
    pipe = make_pipeline(words, model).fit(train, y_train)
    print(f"{name:<20} accuracy on other texts {pipe.score(test, y_test):.3f}")

# %%
# Topics
# ------
# A unit of the code represents what some texts have in common. Its words are those whose weights
# have the largest product with its value, summed over all texts.

X = words.transform(texts)
codes = models["AECNNClassifier"].transform(X)
codes = (codes - codes.mean(axis=0)) / codes.std(axis=0)
vocabulary = words.get_feature_names_out()
for unit in range(4):
    going_with = X.T @ codes[:, unit]
    print(f"unit {unit}: {', '.join(vocabulary[going_with.argsort()[::-1][:8]])}")

# %%
# The codes of the modules
# ------------------------

means = np.array([codes[np.array(labels) == module.__name__].mean(axis=0) for module in MODULES])
fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
image = ax.imshow(means, cmap="RdBu_r", vmin=-2, vmax=2)
ax.set_yticks(range(len(MODULES)), [module.__name__ for module in MODULES])
ax.set(xlabel="unit of the code", title="Mean code of the texts of each module")
fig.colorbar(image, label="standard deviations")
plt.show()
