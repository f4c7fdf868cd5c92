"""Counts of NannyML's synthetic car-loan set (Apache-2.0, in its package): all that estimates by confidence need.

Scores have two digits, so rows are counted: reference by score and label, the ten chunks that are judged by score and
predicted class. Writes counts.json beside itself; pip install --no-deps nannyml pandas.
"""

import importlib.util
import json
import pathlib

import pandas as pd

spec = importlib.util.find_spec("nannyml")
data = pathlib.Path(spec.submodule_search_locations[0]) / "datasets" / "data"
reference = pd.read_csv(data / "synthetic_car_loan_reference.csv")
analysis = pd.read_csv(data / "synthetic_car_loan_analysis.csv")


def counts(frame, column):
    table = frame.groupby(["y_pred_proba", column]).size()
    return [[score, int(label), int(n)] for (score, label), n in table.items()]


chunks = [analysis.iloc[at : at + 5000] for at in range(0, len(analysis), 5000)]
out = {"reference": counts(reference, "repaid"), "chunks": [counts(it, "y_pred") for it in chunks]}
path = pathlib.Path(__file__).with_name("counts.json")
path.write_text(json.dumps(out, separators=(",", ":")))
