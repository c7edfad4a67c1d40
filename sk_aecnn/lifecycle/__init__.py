"""From ``fit`` to predictions: validate, encode the target, build, train, record."""
