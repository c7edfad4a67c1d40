"""The example of a service answers over HTTP."""

import importlib.util
import socket
import threading
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn
from sklearn.datasets import load_digits

FOLDER = Path(__file__).parents[2] / "examples" / "serving"

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the examples are not distributed")


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def serve(app):
    """Serve an application on the loopback, on a port that is free."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A client of the service, and the classifier behind it."""
    path = str(tmp_path_factory.mktemp("model") / "digits.onnx")
    classifier = load("make_model").main(path, n_samples=300, max_epochs=1)
    transport = httpx.HTTPTransport(retries=5)
    with (
        serve(load("service").create_app(path)) as address,
        httpx.Client(base_url=address, transport=transport) as client,
    ):
        yield client, classifier


def test_images_are_classified(service):
    """The answer is what the classifier predicts."""
    client, classifier = service
    images = load_digits().images[300:310]
    answer = client.post("/predict", json={"images": images.tolist()})
    assert answer.status_code == 200
    assert answer.json()["labels"] == classifier.predict(images).tolist()
    expected = classifier.predict_proba(images)
    np.testing.assert_allclose(answer.json()["probabilities"], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([[[0.0] * 8] * 7], r"shape (7, 8) given, (8, 8) expected"),
        ([], "(8, 8) expected"),
        ([[["a"] * 8] * 8], "must be of numbers"),
        ([[[1e300] * 8] * 8], "not finite"),
    ],
    ids=["shape", "none", "text", "large"],
)
def test_what_is_no_image_is_refused(service, images, message):
    """The client is told what is wrong; the graph would not say it."""
    client, _ = service
    answer = client.post("/predict", json={"images": images})
    assert answer.status_code == 422
    assert message in answer.text
