"""Makes the files of this folder: models of scikit-learn as ONNX, with what scikit-learn answers.

    pip install scikit-learn skl2onnx onnx && python make.py

Each NAME.onnx comes with NAME.json: inputs by name, labels and scores that the model itself gave for them.
"""
import json, sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    ExtraTreesRegressor, GradientBoostingClassifier, GradientBoostingRegressor,
    RandomForestClassifier, RandomForestRegressor,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, MinMaxScaler, Normalizer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

HERE = Path(__file__).parent
OPSET = {"": 17, "ai.onnx.ml": 3}
random = np.random.RandomState(7)


def save(name, model, inputs, initial_types, options=None, opset=OPSET):
    """`inputs`: name -> array as the ONNX model gets it; what scikit-learn gets is a frame of all of them."""
    if len(inputs) == 1 and next(iter(inputs.values())).shape[1] > 1:
        given = next(iter(inputs.values()))
    else:
        import pandas
        given = pandas.DataFrame({key: value[:, 0] for key, value in inputs.items()})
    exported = to_onnx(model, initial_types=initial_types, target_opset=opset, options=options)
    (HERE / f"{name}.onnx").write_bytes(exported.SerializeToString())
    expected = {}
    answer = model.predict(given)
    if hasattr(model, "predict_proba"):
        expected["labels"] = answer.tolist()
        expected["scores"] = model.predict_proba(given).tolist()
    else:
        expected["scores"] = answer.reshape(len(answer), -1).tolist()
    told = {}
    for key, value in inputs.items():
        flat = value.flatten().tolist()
        flat = [None if isinstance(it, float) and it != it else it for it in flat]
        told[key] = {"shape": list(value.shape), "type": str(value.dtype), "values": flat}
    (HERE / f"{name}.json").write_text(json.dumps({"inputs": told, **expected}))


def numeric(name, model, n_classes=2, dtype=np.float32, labels=None, missing=False, regression=False, **more):
    if regression:
        x, y = make_regression(200, 5, noise=3.0, random_state=3)
    else:
        x, y = make_classification(200, 5, n_informative=4, n_redundant=0, n_classes=n_classes, random_state=3)
        if labels:
            y = np.array([labels[it] for it in y])
    x = x.astype(dtype)
    if missing:
        x[random.rand(*x.shape) < 0.1] = np.nan
    model.fit(x, y)
    kind = FloatTensorType if dtype == np.float32 else DoubleTensorType
    save(name, model, {"X": x[:20]}, [("X", kind([None, 5]))], **more)


def plain(model):
    return {id(model): {"zipmap": False}}


numeric("forest_binary", RandomForestClassifier(12, max_depth=5, random_state=1))
numeric("forest_text_labels", RandomForestClassifier(8, max_depth=4, random_state=1), n_classes=3, labels=["low", "mid", "high"])
numeric("forest_double", RandomForestClassifier(8, max_depth=4, random_state=1), dtype=np.float64)
numeric("forest_regressor", RandomForestRegressor(10, max_depth=5, random_state=1), regression=True)
numeric("extra_trees_regressor", ExtraTreesRegressor(6, max_depth=5, random_state=1), regression=True)
numeric("decision_tree", DecisionTreeClassifier(max_depth=4, random_state=1), n_classes=4)
numeric("boosting_binary", GradientBoostingClassifier(n_estimators=15, max_depth=3, random_state=1))
numeric("boosting_three", GradientBoostingClassifier(n_estimators=8, max_depth=3, random_state=1), n_classes=3)
numeric("boosting_regressor", GradientBoostingRegressor(n_estimators=15, random_state=1), regression=True)
numeric("tree_missing", DecisionTreeClassifier(max_depth=5, random_state=1), missing=True)
numeric("logistic_binary", make_pipeline(StandardScaler(), LogisticRegression()))
numeric("logistic_three", make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=500)), n_classes=3)
numeric("logistic_one_vs_rest", make_pipeline(Normalizer(norm="l1"), OneVsRestClassifier(LogisticRegression())), n_classes=3)
numeric("imputed", make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression()), missing=True)
numeric("binarized", make_pipeline(Binarizer(threshold=0.2), LogisticRegression()))
numeric("selected", make_pipeline(SelectKBest(k=3), DecisionTreeClassifier(max_depth=4, random_state=1)))
numeric("linear_regression", LinearRegression(), regression=True)
numeric("ridge_double", make_pipeline(StandardScaler(), Ridge()), regression=True, dtype=np.float64)
numeric("normalized_l2", make_pipeline(Normalizer(), LogisticRegression()))
clf = RandomForestClassifier(6, max_depth=4, random_state=1)
numeric("newest_opset", clf, opset={"": 18, "ai.onnx.ml": 5})

# A pipeline as people have it: text and numbers, each column an input of its own.
import pandas

n = 240
frame = pandas.DataFrame({
    "plan": random.choice(["free", "basic", "pro"], n),
    "age": random.uniform(18, 80, n).astype(np.float32),
    "calls": random.poisson(4, n).astype(np.int64),
    "region": random.choice(["north", "south", "east"], n),
})
target = (frame["age"] / 80 + (frame["plan"] == "free") * 0.6 + random.normal(0, 0.2, n) > 0.9).astype(int)
columns = ColumnTransformer([
    ("category", OneHotEncoder(handle_unknown="ignore"), ["plan"]),
    ("ordinal", OrdinalEncoder(), ["region"]),
    ("number", make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
    ("count", "passthrough", ["calls"]),
])
for name, last in [("columns_logistic", LogisticRegression(max_iter=500)), ("columns_forest", RandomForestClassifier(8, max_depth=5, random_state=1))]:
    model = make_pipeline(columns, last).fit(frame, target)
    kinds = {"plan": StringTensorType, "age": FloatTensorType, "calls": Int64TensorType, "region": StringTensorType}
    few = frame.head(20)
    save(name, model, {key: few[[key]].to_numpy() for key in frame}, [(key, kinds[key]([None, 1])) for key in frame])

# A network: two dense layers, as any exporter writes them.
w1, w2 = random.normal(0, 0.5, (6, 4)).astype(np.float32), random.normal(0, 0.5, (4, 3)).astype(np.float32)
graph = helper.make_graph(
    [
        helper.make_node("MatMul", ["x", "w1"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "w2"], ["y"]),
    ],
    "network",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 6])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
    [onnx.numpy_helper.from_array(w1, "w1"), onnx.numpy_helper.from_array(w2, "w2")],
)
network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
network.ir_version = 8
(HERE / "network.onnx").write_bytes(network.SerializeToString())
x = random.normal(0, 1, (5, 6)).astype(np.float32)
answer = np.maximum(x.astype(np.float64) @ w1, 0) @ w2
(HERE / "network.json").write_text(json.dumps({
    "inputs": {"x": {"shape": [5, 6], "type": "float32", "values": x.flatten().tolist()}},
    "scores": answer.tolist(),
}))
