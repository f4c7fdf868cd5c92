"""Makes a corpus for `sentinel eval drift DIR`: odd samples with what Evidently, NannyML and River say about them.

pip install evidently==0.7.23 "pandas<3" nannyml==0.13.1 river==0.23.0   (a tool that is missing is left out)
python peer_corpus.py DIR [SEED] [PAIRS]
Sizes, ties, scales and categories are drawn at random, unlike those of published corpora.
"""

import json
import math
import pathlib
import sys
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
np.seterr(all="ignore")

FEW = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 19, 20, 21, 24, 25, 26]
SIZES = FEW + [40, 77, 140, 141, 150, 333, 999, 1000, 1001, 1100, 2500]
LARGE = [9999, 10000, 10001, 15000, 40000]
NUMERIC = ["anderson", "cramer_von_mises", "ed", "es", "hellinger", "jensenshannon", "kl_div", "ks", "mannw", "psi", "t_test", "wasserstein"]
CATEGORICAL = ["chisquare", "fisher_exact", "g_test", "hellinger", "jensenshannon", "kl_div", "psi", "z"]


def numbers(random, n, kind):
    shift = random.choice([0, 0, 0.1, 0.5, 3])
    match kind:
        case "normal":
            return random.normal(shift, 1, n)
        case "lognormal":
            return random.lognormal(shift, 1.5, n)
        case "cauchy":
            return random.standard_cauchy(n) + shift
        case "tiny":
            return random.normal(shift, 1, n) * 1e-9
        case "huge":
            return random.normal(shift, 1, n) * 1e12 + 1e13
        case "offset":
            return random.normal(shift, 1, n) * 1e-3 + 1e6
        case "zeros":
            return np.where(random.random(n) < 0.7, 0.0, random.exponential(1 + shift, n))
        case "rounded":
            return np.round(random.normal(shift, 1, n), 1)
        case "halves":
            return random.integers(0, 4, n) / 2 + random.choice([0, 0.5])
        case "few":
            return random.integers(0, random.integers(1, 8), n)
        case "twenty":
            return random.integers(0, random.integers(19, 24), n)
        case "counts":
            return random.poisson(3 + shift, n)
        case "wide":
            return random.integers(-(10**15), 10**15, n)
        case "narrow":
            return random.integers(1000, 1040, n)
        case "binary":
            return (random.random(n) < 0.05 + shift / 10).astype(int)
        case "constant":
            return np.full(n, float(random.choice([0.0, 1.0, 2.5])))
        case "far":
            values = random.normal(0, 1, n)
            values[0] = 1e6
            return values
        case "two humps":
            return np.where(random.random(n) < 0.3, random.normal(-9, 1, n), random.normal(9, 1, n))


KINDS = ["normal", "lognormal", "cauchy", "tiny", "huge", "offset", "zeros", "rounded", "halves", "few", "twenty", "counts", "wide", "narrow", "binary", "constant", "far", "two humps"]


def words(random, n):
    k = int(random.choice([1, 2, 2, 2, 3, 5, 8, 30, 200, 500]))
    weights = random.choice([0, 1, 3])
    shares = 1 / np.arange(1, k + 1) ** float(weights)
    names = {
        "letters": [f"c{it}" for it in range(k)],
        "digits": [str(it) for it in range(k)],
        "codes": list(range(-1, k - 1)),
        "tens": [7 * it + 2 for it in range(k)],
        "accents": [f"été {it}" for it in range(k)],
    }[str(random.choice(["letters", "letters", "digits", "codes", "tens", "accents"]))]
    def draw(m, among):
        p = shares[among] / shares[among].sum()
        return [names[among[it]] for it in random.choice(len(among), m, p=p)]
    every = np.arange(k)
    ref = draw(n, every)
    m = n if random.random() < 0.4 else int(random.choice(SIZES))
    how = random.random()
    among = every
    if how < 0.15 and k > 1:
        among = every[1:]
    elif how < 0.3 and k > 1:
        ref = draw(n, every[: (k + 1) // 2])
    elif how < 0.4 and k > 1:
        ref, among = draw(n, every[: k // 2]), every[k // 2 :]
    return ref, draw(m, among)


def with_gaps(random, values):
    return [None if random.random() < 0.1 else it for it in values]


def plain(values):
    return [it.item() if hasattr(it, "item") else it for it in values]


def pair(random, idx):
    if random.random() < 0.35:
        kind, name = "cat", "cat"
        ref, cur = words(random, int(random.choice(SIZES)))
    else:
        kind, name = "num", str(random.choice(KINDS))
        sizes = LARGE if random.random() < 0.12 else SIZES
        n = int(random.choice(SIZES))
        m = n if random.random() < 0.2 else int(random.choice(sizes))
        if random.random() < 0.5:
            n, m = m, n
        ref, cur = numbers(random, n, name), numbers(random, m, name)
    ref, cur = plain(ref), plain(cur)
    if random.random() < 0.15:
        ref, cur = with_gaps(random, ref), with_gaps(random, cur)
    return {"id": f"{idx}_{name.replace(' ', '_')}_{len(ref)}_{len(cur)}", "type": kind, "ref": ref, "cur": cur}


def finite(value):
    value = float(value)
    return value if math.isfinite(value) else None


def evidently(case):
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

    kind = ColumnType.Numerical if case["type"] == "num" else ColumnType.Categorical
    sides = [pd.Series(case[it]).replace([-np.inf, np.inf], np.nan).dropna() for it in ("ref", "cur")]
    if any(it.empty for it in sides):
        return None
    copies = lambda: (it.copy() for it in sides)
    tests = {}
    default = get_stattest(*copies(), kind, None)
    for name in NUMERIC if case["type"] == "num" else CATEGORICAL:
        try:
            result = get_stattest(*copies(), kind, name)(*copies(), kind, None)
            score = float(result.drift_score)
            tests[name] = {"score": finite(score), "nan": math.isnan(score), "drifted": bool(result.drifted), "threshold": result.actual_threshold, "random": False}
            if math.isinf(score):
                tests[name]["inf"] = True
        except Exception as error:
            tests[name] = {"error": f"{type(error).__name__}: {error}"[:200]}
    if case["type"] == "num" and default.name not in tests:
        result = default(*copies(), kind, None)
        tests[default.name] = {"score": finite(result.drift_score), "drifted": bool(result.drifted), "random": False}
    return {"id": case["id"], "default_test": default.name, "tests": tests}


def nannyml(case):
    from nannyml.drift.univariate.methods import FeatureType, MethodFactory

    kind = FeatureType.CONTINUOUS if case["type"] == "num" else FeatureType.CATEGORICAL
    names = ["jensen_shannon", "hellinger"] + (["kolmogorov_smirnov", "wasserstein"] if case["type"] == "num" else ["chi2", "l_infinity"])
    sides = [pd.Series(case[it], name="x") for it in ("ref", "cur")]
    sides = [it.dropna() for it in sides]
    if any(it.empty for it in sides):
        return None
    methods = {}
    for name in names:
        try:
            from nannyml.chunk import CountBasedChunker
            from nannyml.thresholds import ConstantThreshold
            method = MethodFactory.create(key=name, feature_type=kind, chunker=CountBasedChunker(1), threshold=ConstantThreshold(lower=None, upper=1), computation_params={"kolmogorov_smirnov": {"calculation_method": "exact", "n_bins": 1000}, "wasserstein": {"calculation_method": "exact", "n_bins": 1000}})
            method.fit(sides[0].copy())
            value = float(method.calculate(sides[1].copy()))
            if math.isfinite(value):
                methods[name] = {"value": value}
                if name == "chi2":
                    methods[name]["p_value"] = float(method._p_value)
        except Exception as error:
            print("nannyml", case["id"], name, repr(error)[:160], file=sys.stderr)
    return {"id": case["id"], "methods": methods}


def stream(random, idx):
    n = int(random.choice([40, 200, 700, 3000, 6000]))
    at = int(n * random.uniform(0.1, 0.9))
    kind = str(random.choice(["bernoulli", "bernoulli", "normal", "spread", "heavy", "ramp", "counts", "constant"]))
    match kind:
        case "bernoulli":
            p, q = random.choice([0.0, 0.02, 0.1, 0.3, 0.5, 0.9], 2)
            values = (random.random(n) < np.where(np.arange(n) < at, p, q)).astype(int)
        case "normal":
            values = random.normal(0, 1, n) + (np.arange(n) >= at) * random.choice([-3, -0.5, 1, 10])
        case "spread":
            values = random.normal(0, 1, n) * np.where(np.arange(n) < at, 1, random.choice([0.1, 4]))
        case "heavy":
            values = random.standard_cauchy(n)
        case "ramp":
            values = random.normal(0, 1, n) + np.arange(n) * random.choice([0.001, 0.01])
        case "counts":
            values = random.poisson(np.where(np.arange(n) < at, 2, 5))
        case "constant":
            values = np.where(np.arange(n) < at, 1.0, 2.0)
    return f"{idx}_{kind}_{n}", kind, plain(values)


def river(random, idx):
    from river import drift

    # Up to 0.23 they were called HDDM_A and HDDM_W.
    binary = lambda name: getattr(drift.binary, name, None) or getattr(drift.binary, f"{name[:-1]}_{name[-1]}")
    name, kind, values = stream(random, idx)
    classes = {"ADWIN": drift.ADWIN, "PageHinkley": drift.PageHinkley}
    if kind == "bernoulli":
        classes |= {"DDM": drift.binary.DDM, "EDDM": drift.binary.EDDM, "HDDM_A": binary("HDDMA"), "HDDM_W": binary("HDDMW"), "FHDDM": drift.binary.FHDDM}
    expected = {}
    for key, make in classes.items():
        detector, found, warned = make(), [], []
        for it, value in enumerate(values):
            detector.update(value)
            if detector.drift_detected:
                found.append(it)
            elif getattr(detector, "warning_detected", False):
                warned.append(it)
        expected[key] = {"drift": found, "warning": warned[:50]}
    return {"id": name, "stream": values, "expected": expected}


def main():
    folder = pathlib.Path(sys.argv[1])
    seed, n = (int(it) for it in (sys.argv[2:] + ["0", "300"][len(sys.argv) - 2 :])[:2])
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    pairs = [pair(random, idx) for idx in range(n)]

    def write(name, rows):
        text = "".join(json.dumps(it, ensure_ascii=False, allow_nan=False) + "\n" for it in rows if it)
        (folder / name).write_text(text)

    write("golden_inputs.jsonl", pairs)
    for name, make in [("golden_expected", evidently), ("golden_nannyml", nannyml)]:
        try:
            write(f"{name}.jsonl", map(make, pairs))
        except ImportError as error:
            print(f"{name} is left empty: {error}", file=sys.stderr)
            write(f"{name}.jsonl", [])
    try:
        write("golden_online.jsonl", (river(random, idx) for idx in range(n // 5)))
    except ImportError as error:
        print(f"golden_online is left empty: {error}", file=sys.stderr)
        write("golden_online.jsonl", [])


main()
