"""Where figures come from: machine, versions, sources."""

import hashlib
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import joblib
import torch

import sk_aecnn

PACKAGES = "numpy pandas scikit-learn torch skorch pyod catboost lightgbm pytabkit aeon"


def versions():
    """Yield the versions of what is compared, as far as it is installed."""
    yield f"Python {platform.python_version()}"
    for package in PACKAGES.split():
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue


@cache
def machine():
    """Return processor, as Linux has it, cores in reach, threads and versions, in words."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    name, n_cores = [*names, platform.processor()][0], joblib.cpu_count()
    cores = f"{n_cores} core{'s' if n_cores != 1 else ''}"
    threads = f"torch.get_num_threads() {torch.get_num_threads()}"
    return f"{name}, {cores}, {threads}; {', '.join(versions())}"


def digest(*parts):
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


@cache
def sources():
    """Return a digest of this package's sources, and its commit where git knows it."""
    folder = Path(sk_aecnn.__file__).parent
    git = ["git", "-C", str(folder), "describe", "--always", "--dirty"]
    try:
        commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = "not known"
    return digest(*(path.read_bytes() for path in sorted(folder.rglob("*.py")))), commit
