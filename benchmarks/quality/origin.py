"""Where figures come from: machine, versions, sources."""

import hashlib
import platform
import re
import subprocess
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

import joblib
import torch

import sk_aecnn

PACKAGES = "numpy pandas scikit-learn torch skorch pyod isotree catboost lightgbm pytabkit aeon"


@cache
def machine():
    """Return processor, as Linux has it, cores in reach, threads and versions, in words."""
    info = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.*)", info.read_text() if info.exists() else "")
    cores = f"{joblib.cpu_count()} core{'s' if joblib.cpu_count() != 1 else ''}"
    threads = f"torch.get_num_threads() {torch.get_num_threads()}"
    installed = {one.name: one.version for one in distributions()}
    versions = [f"{name} {installed[name]}" for name in PACKAGES.split() if name in installed]
    return (
        f"{named[1] if named else platform.processor()}, {cores}, {threads}; "
        f"Python {platform.python_version()}, {', '.join(versions)}"
    )


def digest(*parts):
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


@cache
def sources():
    """Return a digest of this package's sources, and its commit where git knows it."""
    folder = Path(sk_aecnn.__file__).parent
    git = ["git", "-C", str(folder), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    files = sorted(folder.rglob("*.py"))
    return digest(*(path.read_bytes() for path in files)), commit or "not known"
