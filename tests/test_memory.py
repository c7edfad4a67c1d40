"""Files larger than memory: what a fit and a transform take beside them."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

STATUS = Path("/proc/self/status")
# in a process of its own: the most memory since the data were opened, but for pages of the file
WATCHED = """
import re, sys, threading, time
from pathlib import Path

import numpy as np
import torch

from sk_aecnn import AutoencoderTransformer

torch.set_num_threads(1)


def occupied():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def watch():
    global most
    while True:
        most = max(most, occupied())
        time.sleep(0.005)


X = np.load(sys.argv[1], mmap_mode="r")
settings = {"hidden_layer_sizes": (16,), "batch_size": 4096, "random_state": 0}
model = AutoencoderTransformer(4, linear_path=False, **settings, max_epochs=1)
model.fit(X[:8192])  # what torch and the package take in any case
before = most = occupied()
threading.Thread(target=watch, daemon=True).start()
if sys.argv[2] == "fit":
    model.fit(X)
else:
    for start in range(0, len(X), 65536):
        model.partial_fit(X[start : start + 65536], n_steps=100)
codes = model.transform(X)
print(max(most, occupied()) - before - codes.nbytes / 2**20)
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file of 400 MiB: 1.6 million samples of 64 numbers."""
    path = tmp_path_factory.mktemp("large") / "X.npy"
    block = np.random.default_rng(0).normal(size=(16_384, 64)).astype(np.float32)
    X = np.lib.format.open_memmap(path, "w+", np.float32, (100 * len(block), 64))
    for start in range(0, len(X), len(block)):
        X[start : start + len(block)] = block
    del X
    yield path
    path.unlink()


@pytest.mark.skipif(
    not STATUS.exists() or not re.search("RssAnon", STATUS.read_text()),
    reason="the memory of a process is read as Linux tells it",
)
@pytest.mark.parametrize("way", ["fit", "partial_fit"])
def test_a_file_is_not_copied_into_memory(path, way):
    """Beside a mapped file of 400 MiB, training and codes take less than 100 MiB."""
    command = [sys.executable, "-c", WATCHED, str(path), way]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 100
