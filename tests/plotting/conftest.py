"""Figures are drawn in memory and closed."""

import pytest

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def settings_stay():
    """No display changes matplotlib's settings, or leaves a figure to the next test."""
    import matplotlib

    backend = matplotlib.get_backend()
    plt.switch_backend("Agg")
    before = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == before
    plt.close("all")
    plt.switch_backend(backend)
