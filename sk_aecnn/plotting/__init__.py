"""Displays: what a fitted estimator has learned, drawn with matplotlib as scikit-learn draws."""
