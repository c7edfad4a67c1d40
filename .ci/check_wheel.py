"""Use the installed wheel as a new user would; run outside of the checkout by `make wheel`."""

import importlib.metadata
import importlib.resources
import sys
from pathlib import Path

import sk_aecnn

heavy = {"torch", "skorch"} & set(sys.modules)
assert not heavy, f"`import sk_aecnn` must stay light, but it imported {sorted(heavy)}"

package = Path(sk_aecnn.__file__).parent
assert package.is_relative_to(sys.prefix), f"tested {package}, which is not the installed wheel"
assert importlib.metadata.version("sk-aecnn") == sk_aecnn.__version__
assert importlib.resources.files("sk_aecnn").joinpath("py.typed").is_file()
rooms = ("data", "estimators", "lifecycle", "nn", "plotting", "recipes", "statistics", "training")
missing = [room for room in rooms if not (package / room / "__init__.py").is_file()]
assert not missing, f"the wheel lacks {missing}"
top_level = {file.parts[0] for file in importlib.metadata.files("sk-aecnn") or []}
assert all(name.startswith("sk_aecnn") for name in top_level), top_level

from sklearn.datasets import load_digits  # noqa: E402

images, labels = load_digits(n_class=3, return_X_y=True)
images = images[:120].reshape(-1, 8, 8)

model = sk_aecnn.AECNNClassifier(encoding_dim=4, max_epochs=3, random_state=0)
model.fit(images, labels[:120])
assert model.predict(images).shape == (120,)
assert model.resolved_params_["encoder"] == "conv"

transformer = sk_aecnn.AutoencoderTransformer(encoding_dim=4, max_epochs=3, random_state=0)
codes = transformer.fit_transform(images)
assert codes.shape == (120, 4)
assert transformer.inverse_transform(codes).shape == images.shape

print(f"sk-aecnn {sk_aecnn.__version__}: the wheel imports, fits, predicts and reconstructs")
