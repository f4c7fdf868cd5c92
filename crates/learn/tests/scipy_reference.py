"""Reference values of SciPy for the tests of drift: writes scipy_reference.json beside itself.

pip install scipy numpy; the samples are made by formulas that Rust repeats exactly (multiples of 1/64).
"""

import json
import pathlib

import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon


def sample(n, seed, shift, modulus):
    """The n numbers of a small generator: whole steps of 1/64 between 0 and modulus/64, plus shift/64."""
    state, out = seed, []
    for _ in range(n):
        state = (state * 1103515245 + 12345) % 2**31
        out.append((state // 65536 % modulus + state // 256 % modulus + shift) / 64)
    return np.array(out)


cases = []
for n, m, shift, modulus in [(7, 6, 3, 9973), (18, 20, 0, 64), (40, 55, 9, 500), (300, 300, 25, 4000), (1500, 900, 60, 8000), (12000, 500, 20, 2000)]:
    x, y = sample(n, 1, 0, modulus), sample(m, 2, shift, modulus)
    ks = stats.ks_2samp(x, y)
    cvm = stats.cramervonmises_2samp(x, y)
    ad = stats.anderson_ksamp([x, y])
    mwu = stats.mannwhitneyu(x, y)
    welch = stats.ttest_ind(x, y, equal_var=False)
    student = stats.ttest_ind(x, y)
    es = stats.epps_singleton_2samp(x, y)
    cases.append({
        "n": n, "m": m, "shift": shift, "modulus": modulus,
        "kolmogorov_smirnov": [ks.statistic, ks.pvalue],
        "cramer_von_mises": [cvm.statistic, cvm.pvalue],
        "anderson_darling": [ad.statistic, None],
        "mann_whitney": [mwu.statistic, mwu.pvalue],
        "t_test": [welch.statistic, welch.pvalue],
        "student_t_test": [student.statistic, student.pvalue],
        "epps_singleton": [es.statistic, es.pvalue],
        "wasserstein": [stats.wasserstein_distance(x, y) / max(x.std(), 0.001), None],
        "energy": [stats.energy_distance(x, y) / max(x.std(), 0.001) ** 0.5, None],
    })

tables = []
for table in [[[30, 50], [45, 40]], [[300, 120, 80], [250, 160, 95]], [[90, 80, 70, 60, 20], [30, 30, 40, 20, 15]]]:
    a = np.array(table)
    chi = stats.chi2_contingency(a, correction=False)
    g = stats.chi2_contingency(a, correction=False, lambda_="log-likelihood")
    p, q = a[0] / a[0].sum(), a[1] / a[1].sum()
    entry = {
        "table": table,
        "chi_square": [chi.statistic, chi.pvalue],
        "g_test": [g.statistic, g.pvalue],
        "jensen_shannon": [jensenshannon(p, q), None],
        "jensen_shannon_bits": [jensenshannon(p, q, 2), None],
        "kullback_leibler": [stats.entropy(p, q), None],
        "hellinger": [float(np.sqrt(1 - np.sqrt(p * q).sum())), None],
        "total_variation": [float(np.abs(p - q).sum() / 2), None],
        "l_infinity": [float(np.abs(p - q).max()), None],
        "psi": [float(((p - q) * np.log(p / q)).sum()), None],
    }
    if len(p) == 2:
        fisher = stats.fisher_exact(a)
        share = (a[0, 1] + a[1, 1]) / a.sum()
        z = (p[1] - q[1]) / np.sqrt(share * (1 - share) * (1 / a[0].sum() + 1 / a[1].sum()))
        entry["fisher_exact"] = [fisher.statistic, fisher.pvalue]
        entry["z_test"] = [float(z), float(2 * stats.norm.sf(abs(z)))]
    tables.append(entry)

path = pathlib.Path(__file__).with_name("scipy_reference.json")
path.write_text(json.dumps({"numbers": cases, "tables": tables}, indent=1, default=float) + "\n")
