"""Answers each line of standard input with the seconds of one round of fit and score, then with the values."""

import pickle
import sys
import time

import numpy
import sklearn
from sklearn.ensemble import IsolationForest
from sklearn.svm import OneClassSVM


def read(n_rows):
    return numpy.array([[float(it) for it in sys.stdin.readline().split(",")] for _ in range(n_rows)])


def seconds_of(fit_and_score):
    start = time.perf_counter()
    result = fit_and_score()
    return result, time.perf_counter() - start


def svm():
    model = OneClassSVM(gamma="scale").fit(train)
    return model, model.decision_function(test)


def forest():
    model = IsolationForest(random_state=0).fit(train)
    return model, model.score_samples(test)


n_train, n_test = (int(it) for it in sys.stdin.readline().split(","))
train, test = read(n_train), read(n_test)
print(sklearn.__version__, flush=True)
while sys.stdin.readline().strip() == "round":
    (svm_model, decision), svm_seconds = seconds_of(svm)
    (forest_model, _), forest_seconds = seconds_of(forest)
    print(f"{svm_seconds},{forest_seconds}", flush=True)
print(f"{len(pickle.dumps(svm_model))},{len(pickle.dumps(forest_model))}")
print(",".join(repr(float(it)) for it in decision), flush=True)
