"""The example of a page classifies what is drawn on it, in a headless Chromium."""

import json
import shutil
import subprocess
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sk_aecnn import AECNNClassifier
from sk_aecnn.onnx import to_onnx

FOLDER = Path(__file__).parents[2] / "examples" / "browser"
METHODS = ["predict", "predict_proba", "transform", "reconstruct"]
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
SECONDS = 60

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (FOLDER / "node_modules").exists(), reason="npm install --prefix examples/browser"
    ),
    pytest.mark.skipif(not shutil.which("chromedriver"), reason="chromedriver is not installed"),
]


class Handler(SimpleHTTPRequestHandler):
    """Files of the page, without a line for each."""

    def log_message(self, *args):
        pass


class Browser:
    """A session of chromedriver, by the protocol of WebDriver."""

    def __init__(self, port):
        self.address = f"http://127.0.0.1:{port}/session"
        options = {"goog:chromeOptions": {"args": ARGUMENTS}}
        made = self._call("POST", "", {"capabilities": {"alwaysMatch": options}})
        self.address += f"/{made['sessionId']}"

    def _call(self, method, path, body=None):
        content = None if body is None else json.dumps(body).encode()
        with urlopen(
            Request(self.address + path, content, method=method), timeout=SECONDS
        ) as reply:
            return json.load(reply)["value"]

    def open(self, address):
        self._call("POST", "/url", {"url": address})

    def evaluate(self, script):
        return self._call("POST", "/execute/sync", {"script": f"return {script}", "args": []})

    def text(self, name):
        return self.evaluate(f"document.getElementById('{name}').textContent")

    def click(self, name):
        self.evaluate(f"document.getElementById('{name}').click()")

    def press(self, x, y):
        """Put the pen on a place of the drawing, in pixels of it."""
        moved = {"clientX": x, "clientY": y, "buttons": 1, "bubbles": True}
        self.evaluate(
            f"""(() => {{
                const canvas = document.getElementById('drawing');
                const box = canvas.getBoundingClientRect(), place = {json.dumps(moved)};
                place.clientX = box.left + (place.clientX + 0.5) * box.width / 8;
                place.clientY = box.top + (place.clientY + 0.5) * box.height / 8;
                canvas.dispatchEvent(new PointerEvent('pointerdown', place));
            }})()"""
        )

    def pixels(self, name):
        """Return the grey levels of a canvas, (8, 8)."""
        data = self.evaluate(
            f"[...document.getElementById('{name}').getContext('2d').getImageData(0, 0, 8, 8).data]"
        )
        return np.array(data).reshape(8, 8, 4)[..., 0]

    def close(self):
        self._call("DELETE", "")


def wait_for(condition):
    """Return what a function returns as soon as that is true."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except URLError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"nothing within {SECONDS} seconds")


@pytest.fixture(scope="module")
def classifier():
    digits = load_digits()
    return AECNNClassifier(4, max_epochs=4, random_state=0).fit(digits.images, digits.target)


@pytest.fixture(scope="module")
def page(classifier, tmp_path_factory):
    """The address of the page, with the graph of the classifier beside it."""
    folder = tmp_path_factory.mktemp("page")
    for path in FOLDER.iterdir():
        if path.suffix != ".onnx":
            (folder / path.name).symlink_to(path)
    to_onnx(classifier, folder / "digits.onnx", method=METHODS, dtype="float32")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def browser(tmp_path):
    log = tmp_path / "port"
    with (
        log.open("w") as output,
        subprocess.Popen(["chromedriver", "--port=0"], stdout=output, stderr=output) as driver,
    ):
        try:
            line = wait_for(lambda: "on port" in (text := log.read_text()) and text)
            browser = Browser(int(line.rsplit("on port ", 1)[1].split(".")[0]))
            yield browser
            browser.close()
        finally:
            driver.terminate()


def test_a_drawn_digit_is_classified(browser, page, classifier):
    """Class, probabilities, code and reconstruction are those of the estimator."""
    browser.open(page)
    wait_for(lambda: browser.text("label") != "loading")
    empty = browser.text("code")
    for y in range(1, 7):
        for _ in range(3):
            browser.press(3.5, y)
    wait_for(lambda: browser.text("code") != empty)
    drawn = 16 * (255 - browser.pixels("drawing")) / 255
    assert drawn[2:6, 3:5].min() > 8
    assert drawn[:, :2].max() == 0
    expected = classifier.predict_proba(drawn[None])[0]
    assert browser.text("label") == str(classifier.predict(drawn[None])[0])
    shown = browser.evaluate("[...document.querySelectorAll('meter')].map((bar) => bar.value)")
    np.testing.assert_allclose(shown, expected, atol=0.02)
    codes = browser.evaluate(
        "[...document.querySelectorAll('#code li')].map((one) => +one.textContent)"
    )
    np.testing.assert_allclose(codes, classifier.transform(drawn[None])[0], atol=0.05)
    reconstruction = 16 * (255 - browser.pixels("reconstruction")) / 255
    np.testing.assert_allclose(reconstruction, classifier.reconstruct(drawn[None])[0], atol=0.3)
    browser.click("clear")
    wait_for(lambda: browser.text("code") == empty)
