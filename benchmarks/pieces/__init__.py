"""Times and memory of the pieces, commit by commit, for airspeed velocity.

    python -m pip install asv && cd benchmarks && asv run && asv publish && asv preview

The tests run each of them once.
"""
