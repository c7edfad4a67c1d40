"""Results of runs, kept in a file so that a stopped table goes on where it was."""

import hashlib
import json
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("numpy", "scikit-learn", "torch", "skorch", "pyod")


def processor():
    """Return the name of the processor, as Linux has it, and the number of its cores in reach."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        name = names[0] if names else name
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {n_cores} core{'s' if n_cores != 1 else ''}"


def versions():
    """Return the versions of what is compared, as far as it is installed."""
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return ", ".join(f"{name} {number}" for name, number in found.items())


@cache
def machine():
    """Return where the figures are from, in words."""
    import torch

    return f"{processor()}, torch.get_num_threads() {torch.get_num_threads()}; {versions()}"


@cache
def sources():
    """Return a digest of this package's sources, and its commit where git knows it."""
    import sk_aecnn

    folder = Path(sk_aecnn.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.read_bytes())
    git = ["git", "-C", str(folder), "describe", "--always", "--dirty"]
    try:
        commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = "not known"
    return digest.hexdigest()[:12], commit


def stamp(variant, params, source):
    """Return what a result depends on besides seed and split: it is not taken for another's."""
    parts = [machine(), source.quick, source.rows]
    if variant.own:
        parts += [sources()[0], params]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


class Records:
    """Results by (variant, task, seed, fold); appended to a file, where there is one."""

    def __init__(self, path=None):
        self.path = path
        self.found = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                self._read(line)

    def _read(self, line):
        """Take a line; the last one of a stopped run may be cut."""
        try:
            record = json.loads(line)
            self.found[tuple(record["key"])] = record
        except (ValueError, KeyError):
            return

    def get(self, key, stamp):
        """Return the metrics of a run, or None where it has yet to be made."""
        record = self.found.get(key)
        return record["metrics"] if record and record["stamp"] == stamp else None

    def add(self, key, stamp, metrics):
        record = {"key": list(key), "stamp": stamp, "metrics": metrics}
        self.found[key] = record
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(json.dumps(record) + "\n")
