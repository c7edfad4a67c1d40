"""Short messages: spam or not, by the words."""

from core import SECONDS, Split, Table, Task, Variant, fit_seconds, folds, own
from data import messages
from peers import logistic, mlp, on_code
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score

from sk_aecnn import AECNNClassifier, AutoencoderTransformer


def tasks(source):
    def splits(seed):
        for split in folds(*messages(source), seed, source):
            words = TfidfVectorizer().fit(split.X)
            X, X_test = words.transform(split.X), words.transform(split.X_test)
            yield Split(X, split.y.astype(int), X_test, split.y_test.astype(int))

    return [Task("SMS spam", splits)]


def f1_of_spam(model, run):
    split = run.split
    seconds = fit_seconds(model, split.X, split.y)
    return {"F1, %": 100 * f1_score(split.y_test, model.predict(split.X_test)), SECONDS: seconds}


def code_size(run):
    return 4 if run.quick else 64


def autoencoder_code(run):
    return on_code(run.own(AutoencoderTransformer, code_size(run)), run)


def svd_code(run):
    return on_code(TruncatedSVD(code_size(run), random_state=run.seed), run)


TABLES = {
    "text": Table(
        title="Spam among 5 574 text messages: F1 of spam in percent, from sparse tf-idf weights "
        "of the words.",
        tasks=tasks,
        variants=[
            own("AECNNClassifier()", AECNNClassifier),
            Variant("LogisticRegression", logistic),
            Variant("MLPClassifier", mlp),
            Variant("AutoencoderTransformer(64) + LogisticRegression", autoencoder_code, own=True),
            Variant("TruncatedSVD(64) + LogisticRegression", svd_code),
        ],
        measure=f1_of_spam,
        metrics={"F1, %": 1},
        seeds=(0,),
        notes=("Each seed shuffles five folds.", "The regressions see standardised codes."),
    )
}
