"""Draw wins, ties and losses of the broad suite, from the tables that the benchmarks write."""

from pathlib import Path

from matplotlib.figure import Figure

GUIDE = Path(__file__).parents[1] / "guide"
TABLES = {"suite.md": "AECNNClassifier, accuracy", "suite-regression.md": "AECNNRegressor, R²"}
OUTCOMES = {"better": "#2166ac", "equal": "#d9d9d9", "worse": "#b2182b"}


def results(text):
    """Return the names of models and their results by set, of the last table of a page."""
    lines = [line.strip("| ").split("|") for line in text.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line] for line in lines]
    start = max(i for i, row in enumerate(rows) if row[0].startswith("AECNN"))
    return rows[start], [[float(cell) for cell in row[1:]] for row in rows[start + 1 :]]


def outcomes(values, other):
    """Return on how many sets the first model is better than another, equal, or worse."""
    differences = [row[0] - row[other] for row in values]
    better = sum(difference > 0 for difference in differences)
    worse = sum(difference < 0 for difference in differences)
    return better, len(values) - better - worse, worse


def draw(app):
    """Write the chart into the folder of images of the guide."""
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    for ax, (name, title) in zip(figure.subplots(2, 1), TABLES.items(), strict=True):
        models, values = results((GUIDE / "quality" / name).read_text(encoding="utf-8"))
        others = range(1, len(models))
        counts = [outcomes(values, other) for other in others]
        left = [0] * len(counts)
        for k, (outcome, color) in enumerate(OUTCOMES.items()):
            numbers = [count[k] for count in counts]
            bars = ax.barh(others, numbers, left=left, color=color, label=outcome)
            text = {"color": "black" if outcome == "equal" else "white", "label_type": "center"}
            ax.bar_label(bars, [number or "" for number in numbers], **text)
            left = [before + number for before, number in zip(left, numbers, strict=True)]
        ax.set_yticks(others, [f"than {models[other]}" for other in others])
        ax.set(title=f"{title}, {len(values)} sets", xticks=[], xlim=(0, len(values)))
        ax.invert_yaxis()
        ax.spines[:].set_visible(False)
    handles, names = ax.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
    (GUIDE / "images").mkdir(exist_ok=True)
    figure.savefig(GUIDE / "images" / "suite.png", dpi=130)


def setup(app):
    """Draw before the pages are read."""
    app.connect("builder-inited", draw)
    return {"parallel_read_safe": True}
