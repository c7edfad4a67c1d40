"""Statistics of codes and residuals, in numpy and scikit-learn."""
