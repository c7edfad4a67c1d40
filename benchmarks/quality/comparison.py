"""Joint training beside staged training, the CNN alone, and an encoder ahead of a linear model."""

from core import ACCURACY, Split, Table, Task, Variant, accuracy, own
from data import pmlb
from images import some_of_mnist
from peers import on_code
from sklearn.model_selection import train_test_split

from sk_aecnn import AECNNClassifier, AutoencoderTransformer, CNNClassifier
from sk_aecnn._sizes import auto_epochs


def halves(source, name):
    """Return the task of a table that the seed splits in halves."""

    def splits(seed):
        X, y = pmlb(source, name)
        X, X_test, y, y_test = train_test_split(
            X, y, test_size=0.5, random_state=seed, stratify=None if source.quick else y
        )
        yield Split(X, y, X_test, y_test)

    return Task(name, splits)


def tasks(source):
    names = ("letter", "satimage") if source.folder else ("breast_cancer", "wine")
    return [some_of_mnist(source), *(halves(source, name) for name in names)]


def n_epochs(run):
    """Return the epochs of the joint stage, for as many in the first one."""
    return run.epochs(run.params.get("max_epochs") or auto_epochs(len(run.split.X)))


def pretrained(run):
    return run.own(AECNNClassifier, pretrain_epochs=n_epochs(run))


def frozen(run):
    return run.own(
        AECNNClassifier, pretrain_epochs=n_epochs(run), freeze_encoder=True, backend_input="code"
    )


TABLES = {
    "comparison": Table(
        title="Joint and staged training, the CNN alone, and a linear model on the code: accuracy "
        "in percent on 1 000 images of MNIST and on halves of two tables of PMLB.",
        tasks=tasks,
        variants=[
            own("joint, back end on the features", AECNNClassifier, backend_input="features"),
            own("joint, back end on the code", AECNNClassifier, backend_input="code"),
            Variant("pretrained, then joint", pretrained, own=True),
            Variant("pretrained, then frozen, on the code", frozen, own=True),
            own("no reconstruction", AECNNClassifier, reconstruction_weight=0),
            own("CNN alone", CNNClassifier),
            Variant(
                "autoencoder + logistic regression",
                lambda run: on_code(run.own(AutoencoderTransformer), run),
                own=True,
            ),
        ],
        measure=accuracy,
        metrics=ACCURACY,
        notes=("Staged training has as many epochs in its first stage as in its second.",),
    )
}
