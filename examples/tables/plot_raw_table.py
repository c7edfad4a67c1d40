"""
Classify a data frame with text and missing values
==================================================

:class:`~sk_aecnn.AECNNClassifier` takes a data frame as it is: columns of text and missing values
need neither an encoder nor an imputer. The same fit also fills in missing values, generates new
rows, and scores how usual rows are.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from sk_aecnn import AECNNClassifier, AutoencoderImputer

threadpool_limits(limits=1)  # for networks this small, more threads gain little

# %%
# A table of flats in which 15 % of the entries are missing (None or NaN).

rng = np.random.default_rng(0)
kind = rng.choice(["studio", "flat", "house"], 600, p=[0.3, 0.5, 0.2])
area = pd.Series(kind).map({"studio": 30.0, "flat": 70.0, "house": 140.0}) * rng.uniform(
    0.7, 1.4, 600
)
city = rng.choice(["north", "south", "west"], 600)
price = area * np.where(city == "south", 6.0, 4.0) + rng.normal(0, 40, 600)
flats = pd.DataFrame({"kind": pd.Categorical(kind), "area": area, "city": city})
complete = flats.copy()
flats = flats.mask(rng.random(flats.shape) < 0.15)
is_dear = price > 350

rows, held_out, y, y_held_out = train_test_split(flats, is_dear, random_state=0)
model = AECNNClassifier(4, random_state=0).fit(rows, y)
print(f"accuracy {model.score(held_out, y_held_out):.2f}")

# %%
# Reconstructions and samples are data frames of the same columns and dtypes; samples have missing
# values as often as the rows.

print(model.reconstruct(held_out.head(3)))
print(model.sample(3, y=True, random_state=0))

# %%
# :class:`~sk_aecnn.AutoencoderImputer` keeps the known values and fills in the others: numbers from
# categories and vice versa.

filled = AutoencoderImputer(8, max_epochs=60, random_state=0).fit_transform(flats)
missing = flats["area"].isna()
fig, axis = plt.subplots(figsize=(4, 4), layout="constrained")
axis.scatter(complete["area"][missing], filled["area"][missing], s=12)
axis.set(xlabel="area that was removed", ylabel="area filled in")
axis.axline((50, 50), slope=1, color="grey", lw=0.8)
plt.show()
