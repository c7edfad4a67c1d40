"""Between the user's arrays and tensors: rows, sample shapes, targets."""
