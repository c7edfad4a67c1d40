"""The version of the package, which `sk_aecnn.__version__` is as well."""

__version__ = "0.1.0.dev0"
