"""Writes values.json: rows, and what scikit-learn measures of them.

    pip install scikit-learn==1.9.1
    python values.py > values.json
"""

import json

import numpy as np
from sklearn import metrics


def binary(random, n, ties):
    actual = random.random(n) < 0.35
    score = np.clip(0.35 + 0.3 * (actual - 0.35) + random.normal(0, 0.2, n), 0.001, 0.999)
    if ties:
        score = np.round(score, 1).clip(0.05, 0.95)
    predicted = score > 0.5
    edges = np.linspace(0, 1, 11)
    # scikit-learn gives the curve but not its distance; the bins are those of its calibration_curve.
    bin_of = np.searchsorted(edges[1:-1], score)
    ece = sum(
        (bin_of == it).sum() / n * abs(actual[bin_of == it].mean() - score[bin_of == it].mean())
        for it in range(10)
        if (bin_of == it).any()
    )
    matrix = metrics.confusion_matrix(actual, predicted)
    return {
        "score": score.tolist(),
        "actual": actual.tolist(),
        "confusion": matrix.ravel().tolist(),
        "accuracy": metrics.accuracy_score(actual, predicted),
        "precision": metrics.precision_score(actual, predicted),
        "recall": metrics.recall_score(actual, predicted),
        "specificity": metrics.recall_score(~actual, ~predicted),
        "f1": metrics.f1_score(actual, predicted),
        "roc_auc": metrics.roc_auc_score(actual, score),
        "average_precision": metrics.average_precision_score(actual, score),
        "log_loss": metrics.log_loss(actual, score),
        "brier": metrics.brier_score_loss(actual, score),
        "ece": ece,
    }


def classes(random, n):
    actual = random.choice(["a", "b", "c", "d"], n, p=[0.5, 0.3, 0.15, 0.05])
    predicted = np.where(random.random(n) < 0.6, actual, random.choice(["a", "b", "c"], n))
    found = {"actual": actual.tolist(), "predicted": predicted.tolist(), "accuracy": metrics.accuracy_score(actual, predicted)}
    found["matrix"] = metrics.confusion_matrix(actual, predicted).ravel().tolist()
    for average in ["macro", "weighted", "micro"]:
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            actual, predicted, average=average, zero_division=0
        )
        found[average] = [precision, recall, f1]
    return found


def regression(random, n):
    actual = random.lognormal(3, 0.8, n)
    predicted = actual * random.lognormal(0.05, 0.3, n) + random.normal(0, 1, n)
    return {
        "actual": actual.tolist(),
        "predicted": predicted.tolist(),
        "mae": metrics.mean_absolute_error(actual, predicted),
        "rmse": metrics.root_mean_squared_error(actual, predicted),
        "mape": metrics.mean_absolute_percentage_error(actual, predicted),
        # Not in scikit-learn.
        "smape": float(np.mean(2 * np.abs(predicted - actual) / (np.abs(predicted) + np.abs(actual)))),
        "r2": metrics.r2_score(actual, predicted),
        "bias": float(np.mean(predicted - actual)),
        "msle": metrics.mean_squared_log_error(actual, predicted) if (predicted > -1).all() else None,
    }


def ranking(random, n_lists, n):
    lists = []
    for idx in range(n_lists):
        relevance = random.choice([0, 0, 0, 1, 2, 3], n)
        score = relevance + random.normal(0, 1.5, n)
        if idx % 2:
            score = np.round(score)
        binary_relevance = relevance > 0
        # Stable: of items with the same score the first in the list is first.
        order = np.argsort(-score, kind="stable")
        lists.append(
            {
                "score": score.tolist(),
                "relevance": relevance.tolist(),
                "ndcg": metrics.ndcg_score([relevance], [score]),
                "ndcg_5": metrics.ndcg_score([relevance], [score], k=5),
                "recall_5": float(binary_relevance[order][:5].sum() / binary_relevance.sum()),
                "reciprocal_rank": float(1 / (1 + np.argmax(binary_relevance[order]))),
                "average_precision": metrics.average_precision_score(binary_relevance, score),
            }
        )
    return lists


def main():
    random = np.random.default_rng(6)
    values = {
        "binary": [binary(random, 300, False), binary(random, 300, True)],
        "classes": classes(random, 400),
        "regression": regression(random, 200),
        "ranking": ranking(random, 6, 20),
    }
    print(json.dumps(values, indent=None, separators=(",", ":"), default=float))


if __name__ == "__main__":
    main()
