"""Prints the values of crates/learn/tests/agrees_with_statsmodels.rs: python3 values.py (statsmodels 0.14 or newer)."""
import math

import numpy as np
import statsmodels
from statsmodels.tsa.arima.model import ARIMA
from statsmodels.tsa.holtwinters import ExponentialSmoothing, Holt


def noise(index):
    return (index * index * 7919 + index * 104729) % 1009 / 100 - 5


def seasonal(index):
    return 200 + 0.05 * index + 20 * math.sin(math.tau * index / 12) + noise(index)


def autoregressive(n):
    values, before = [0.0], 0.0
    for index in range(1, n):
        error = noise(index)
        values.append(0.7 * values[-1] + error + 0.4 * before)
        before = error
    return [50 + it for it in values]


def show(name, values):
    print(name, [round(float(it), 8) for it in values])


print("statsmodels", statsmodels.__version__)
series = np.array([seasonal(it) for it in range(600)])
fixed = dict(smoothing_level=0.3, smoothing_trend=0.1, optimized=False)
show("holt", Holt(series, initialization_method="heuristic").fit(**fixed).forecast(4))
damped = Holt(series, damped_trend=True, initialization_method="heuristic")
show("damped", damped.fit(damping_trend=0.9, **fixed).forecast(4))
for kind in ("add", "mul"):
    model = ExponentialSmoothing(series, trend="add", seasonal=kind, seasonal_periods=12, initialization_method="heuristic")
    show(kind, model.fit(smoothing_seasonal=0.4, **fixed).forecast(14))
values = np.array(autoregressive(1500))
fitted = ARIMA(values, order=(1, 0, 1)).fit()
show("arima(1,0,1)", fitted.forecast(6))
show("parameters", fitted.params)
fitted = ARIMA(series, order=(1, 0, 0), seasonal_order=(0, 1, 1, 12), trend="t").fit()
show("arima(1,0,0)(0,1,1)", fitted.forecast(12))
