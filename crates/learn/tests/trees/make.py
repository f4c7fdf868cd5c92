"""Makes small models with XGBoost and LightGBM and what they say of rows, as reference values of the tests.

Run it with xgboost, lightgbm and numpy installed: python3 make.py
It writes a model file and NAME.rows.json ({"rows": [[..]], "wanted": [..]}) for each case beside itself.
"""

import json
import pathlib

import lightgbm
import numpy
import xgboost

HERE = pathlib.Path(__file__).parent
rng = numpy.random.default_rng(7)
N = 400
X = rng.normal(size=(N, 4))
X[:, 3] = rng.integers(0, 9, size=N)
X[rng.random((N, 4)) < 0.1] = numpy.nan
score = numpy.nan_to_num(X[:, 0]) + (numpy.nan_to_num(X[:, 1]) > 0.3) + numpy.isin(X[:, 3], [1, 4, 7]) - 0.7
binary = (score + rng.normal(scale=0.3, size=N) > 0).astype(int)
many = numpy.digitize(score, [-0.5, 0.5])
number = score * 3 + 5
count = rng.poisson(numpy.exp(numpy.clip(score, -2, 2)))
# Rows of the test: those of training, missing values, unknown categories, zeros and extremes.
T = X[:40].copy()
T = numpy.vstack([T, numpy.full((1, 4), numpy.nan), numpy.zeros((1, 4)), numpy.full((1, 4), 1e9), numpy.full((1, 4), -1e9)])
T[20:24, 3] = [50, 8, 3, 0]


def keep(name, wanted):
    rows = [[None if numpy.isnan(x) else x for x in row] for row in T.tolist()]
    (HERE / f"{name}.rows.json").write_text(json.dumps({"rows": rows, "wanted": numpy.asarray(wanted, dtype=float).tolist()}) + "\n")


def with_xgboost(name, objective, y, categorical=False, form="json", **more):
    types = ["q", "q", "q", "c"] if categorical else None

    def matrix(rows, label=None):
        return xgboost.DMatrix(rows, label=label, feature_types=types, feature_names=list("abcd"), enable_categorical=categorical)

    x, t = X.copy(), T.copy()
    if categorical:
        # A category is a whole number from 0; others are for the programs to refuse.
        t[-2:, 3] = 3
    params = {"objective": objective, "seed": 1, "nthread": 1, **({"max_depth": 3} if more.get("booster") != "gblinear" else {}), **more}
    booster = xgboost.train(params, matrix(x, y), 8)
    booster.save_model(HERE / f"{name}.{form}")
    rows = [[None if numpy.isnan(v) else v for v in row] for row in t.tolist()]
    wanted = numpy.asarray(booster.predict(matrix(t)), dtype=float).tolist()
    (HERE / f"{name}.rows.json").write_text(json.dumps({"rows": rows, "wanted": wanted}) + "\n")


def with_lightgbm(name, objective, y, categorical=False, as_json=False, **more):
    data = lightgbm.Dataset(X, y, categorical_feature=[3] if categorical else [], feature_name=list("abcd"))
    params = {"objective": objective, "num_leaves": 7, "min_data_in_leaf": 5, "verbose": -1, "seed": 1, "num_threads": 1, "min_data_per_group": 5, "cat_smooth": 1.0, **more}
    booster = lightgbm.train(params, data, 8)
    if as_json:
        (HERE / f"{name}.json").write_text(json.dumps(booster.dump_model()) + "\n")
    else:
        booster.save_model(HERE / f"{name}.txt")
    keep(name, booster.predict(T))


with_xgboost("xgboost_binary", "binary:logistic", binary)
with_xgboost("xgboost_categories", "binary:logistic", binary, categorical=True, max_cat_to_onehot=3)
with_xgboost("xgboost_onehot", "binary:logistic", binary, categorical=True, max_cat_to_onehot=20)
with_xgboost("xgboost_multiclass", "multi:softprob", many, num_class=3)
with_xgboost("xgboost_regression", "reg:squarederror", number)
with_xgboost("xgboost_poisson", "count:poisson", count)
with_xgboost("xgboost_dart", "binary:logistic", binary, booster="dart", rate_drop=0.3)
with_xgboost("xgboost_forest", "reg:squarederror", number, num_parallel_tree=3, subsample=0.6, learning_rate=1)
with_xgboost("xgboost_ubj", "binary:logistic", binary, categorical=True, form="ubj")
with_xgboost("xgboost_ubj_many", "multi:softprob", many, form="ubj", num_class=3)
with_xgboost("xgboost_linear", "reg:squarederror", number, booster="gblinear", updater="coord_descent")
with_xgboost("xgboost_linear_many", "multi:softprob", many, form="ubj", booster="gblinear", updater="coord_descent", num_class=3)
with_lightgbm("lightgbm_binary", "binary", binary)
with_lightgbm("lightgbm_categories", "binary", binary, categorical=True)
with_lightgbm("lightgbm_multiclass", "multiclass", many, num_class=3)
with_lightgbm("lightgbm_ova", "multiclassova", many, num_class=3)
with_lightgbm("lightgbm_regression", "regression", number)
with_lightgbm("lightgbm_sqrt", "regression", number, reg_sqrt=True)
with_lightgbm("lightgbm_poisson", "poisson", count)
with_lightgbm("lightgbm_zero", "binary", binary, zero_as_missing=True)
with_lightgbm("lightgbm_forest", "binary", binary, boosting="rf", bagging_freq=1, bagging_fraction=0.6)
with_lightgbm("lightgbm_json", "binary", binary, categorical=True, as_json=True)
with_lightgbm("lightgbm_linear", "regression", number, linear_tree=True)
with_lightgbm("lightgbm_linear_many", "multiclass", many, linear_tree=True, num_class=3)
with_lightgbm("lightgbm_linear_json", "regression", number, linear_tree=True, as_json=True)
