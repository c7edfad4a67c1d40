"""Variants in processes of their own, which run when told to."""

import multiprocessing
import resource
import time
from importlib import import_module

from works import WORKS

MODULES = ("plain", "package", "peers")


def variants_of(name):
    """Return the variants of a work, the unit first, as name -> module."""
    return {
        variant: module for module in MODULES for variant in import_module(module).VARIANTS[name]
    }


def work_on(name, module, variant, scale, connection):
    """Prepare a variant, then run it whenever asked; answer with (seconds, loss, peak bytes)."""
    work = WORKS[name]
    try:
        data = work.data(max(work.batch_size, int(work.n_rows * scale)))
        run = import_module(module).VARIANTS[name][variant](work, *data)
        run()
    except ImportError as error:
        connection.send(str(error))
        return
    connection.send(None)
    while connection.recv():
        start = time.perf_counter()
        for _ in range(work.repeats):
            result = run()
        seconds = (time.perf_counter() - start) / work.repeats
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        connection.send((seconds, float(result) if work.epochs else float("nan"), peak))


class Worker:
    """A variant in a process of its own."""

    def __init__(self, name, module, variant, scale):
        self.connection, other = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        arguments = (name, module, variant, scale, other)
        self.process = context.Process(target=work_on, args=arguments, daemon=True)
        self.process.start()
        other.close()
        try:
            self.missing = self.connection.recv()
        except EOFError:
            self.missing = "it died; its message is above"

    def run(self):
        self.connection.send(True)
        return self.connection.recv()

    def end(self):
        if self.missing is None:
            self.connection.send(False)
        self.process.join()
