"""Writes classes.json: rows of a classifier of three classes, and what confidence-based estimation says of later ones.

    pip install scikit-learn==1.9.1
    python classes.py > classes.json

The formulas are those of NannyML 0.13 (estimation of many classes), with scikit-learn's calibration.
"""

import json

import numpy as np
from sklearn.isotonic import IsotonicRegression


def rows(random, n, shift):
    center = random.normal(0, 1.2, (n, 3)) + np.array([0.5, 0, -0.5]) * (1 - shift)
    truth = np.exp(center) / np.exp(center).sum(axis=1, keepdims=True)
    actual = np.array([random.choice(3, p=it) for it in truth])
    # The model is surer than it should be.
    told = np.exp(2.2 * center) / np.exp(2.2 * center).sum(axis=1, keepdims=True)
    return np.round(told, 4), actual, told.argmax(axis=1)


def area(calibrated, told):
    order = np.argsort(-told, kind="stable")
    found = np.cumsum(calibrated[order])
    false = 1 + np.arange(len(order)) - found
    return float(np.trapezoid(np.r_[0, found] / found[-1], np.r_[0, false] / false[-1]))


def average_precision(calibrated, told):
    order = np.argsort(-told, kind="stable")
    found = np.cumsum(calibrated[order])
    precision = found / (1 + np.arange(len(order)))
    return float(np.sum(precision * np.diff(np.r_[0, found / found[-1]])))


def main():
    random = np.random.default_rng(12)
    told, actual, _ = rows(random, 1500, 0)
    later, _, said = rows(random, 500, 1)
    calibrations = [
        IsotonicRegression(out_of_bounds="clip", increasing=True).fit(told[:, it], actual == it) for it in range(3)
    ]
    calibrated = np.stack([it.predict(later[:, idx]) for idx, it in enumerate(calibrations)], axis=1)
    calibrated /= calibrated.sum(axis=1, keepdims=True)
    found = {}
    for name in ["roc_auc", "average_precision", "f1", "precision", "recall", "specificity"]:
        found[name] = []
    for idx in range(3):
        p, is_said = calibrated[:, idx], said == idx
        tp, fp = p[is_said].sum(), (1 - p[is_said]).sum()
        fn, tn = p[~is_said].sum(), (1 - p[~is_said]).sum()
        found["roc_auc"].append(area(p, later[:, idx]))
        found["average_precision"].append(average_precision(p, later[:, idx]))
        found["f1"].append(tp / (tp + 0.5 * (fp + fn)))
        found["precision"].append(tp / (tp + fp))
        found["recall"].append(tp / (tp + fn))
        found["specificity"].append(tn / (tn + fp))
    means = {name: float(np.mean(it)) for name, it in found.items()}
    means["accuracy"] = float(calibrated[np.arange(len(said)), said].mean())
    result = {
        "reference": told.tolist(),
        "actual": actual.tolist(),
        "later": later.tolist(),
        "said": said.tolist(),
        "estimates": means,
    }
    print(json.dumps(result, separators=(",", ":")))


if __name__ == "__main__":
    main()
