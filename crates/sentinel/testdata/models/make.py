"""Makes `wave.onnx`: a linear model of scikit-learn that tells the next 6 values of waves with a period of 12.

    pip install scikit-learn skl2onnx && python make.py
"""
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import Ridge

random = np.random.RandomState(3)
angles = 2 * np.pi * np.arange(30) / 12
rows = [
    random.normal() + sum(random.normal() * np.sin(k * angles + random.uniform(0, 6.3)) for k in (1, 2, 3))
    for _ in range(2000)
]
rows = np.array(rows)
model = Ridge(alpha=1e-6).fit(rows[:, :24], rows[:, 24:])
print("largest error", np.abs(model.predict(rows[:, :24]) - rows[:, 24:]).max())
exported = to_onnx(model, initial_types=[("x", FloatTensorType([None, 24]))], target_opset={"": 17, "ai.onnx.ml": 3})
Path(__file__).with_name("wave.onnx").write_bytes(exported.SerializeToString())
