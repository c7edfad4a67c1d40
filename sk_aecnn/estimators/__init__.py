"""What a user calls: one public estimator a file."""
