"""The pair analysis and the test by DeLong et al. equal direct counting of pairs, scipy and results by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from innersight.errors import ArgumentError
from innersight.evaluation.pair_analysis import analyse_pairs, delong


def test_areas_and_covariances_equal_direct_counting_and_scipy() -> None:
    draw = np.random.default_rng(1)
    x, y = draw.integers(2, 9, (2, 30)).astype(float), draw.integers(0, 7, (2, 20)).astype(float)
    found = delong(x, y)
    wins = (x[:, :, None] > y[:, None, :]) + 0.5 * (x[:, :, None] == y[:, None, :])
    for metric in range(2):
        u = stats.mannwhitneyu(x[metric], y[metric]).statistic
        assert found.auc[metric] == pytest.approx(u / 600)
    v, w = wins.mean(2), wins.mean(1)
    for one in range(2):
        for other in range(2):
            s10 = ((v[one] - v[one].mean()) * (v[other] - v[other].mean())).sum() / 29
            s01 = ((w[one] - w[one].mean()) * (w[other] - w[other].mean())).sum() / 19
            assert found.covariance[one, other] == pytest.approx(s10 / 30 + s01 / 20)


def test_an_area_and_its_variance_equal_those_computed_by_hand() -> None:
    """Positives 3, 2, negatives 1, 2: V = 1, 0.75; W = 1, 0.75; each sample variance is 1 / 32."""
    found = delong(np.array([[3.0, 2.0]]), np.array([[1.0, 2.0]]))
    assert found.auc[0] == 0.875
    assert found.covariance[0, 0] == pytest.approx(1 / 32)


def test_equal_areas_differ_significantly_at_the_nominal_rate() -> None:
    draw = np.random.default_rng(0)
    p = []
    for _ in range(1000):
        shared = draw.normal(size=(1, 100))
        samples = shared + draw.normal(size=(2, 100))
        p.append(delong(samples[:, :50] + 1, samples[:, 50:]).p_value(0, 1))
    assert 0.03 < np.mean(np.array(p) < 0.05) < 0.07


def test_pairs_in_both_orders_have_twice_the_covariance() -> None:
    """The area of B against -B follows from Wilcoxon's signed-rank statistic. Its variance is that over samples."""
    draw = np.random.default_rng(2)
    areas, variances = [], []
    for _ in range(1000):
        b = draw.normal(0.3, 1, (1, 80))
        found = delong(b, -b)
        areas.append(found.auc[0])
        variances.append(2 * found.covariance[0, 0])
    n = 80
    w = stats.wilcoxon(b[0], alternative="greater").statistic
    assert areas[-1] == pytest.approx((2 * w - (b > 0).sum()) / n**2)
    assert np.mean(variances) == pytest.approx(np.var(areas), rel=0.15)


def test_the_pair_analysis_equals_direct_counting() -> None:
    draw = np.random.default_rng(3)
    opinions, errors = draw.normal(50, 10, 25), draw.uniform(2, 6, 25)
    scores = np.round(np.stack([opinions + draw.normal(0, 8, 25), draw.normal(0, 1, 25)]))
    found = analyse_pairs(scores, opinions, errors)
    for metric, s in enumerate(scores):
        different, similar, better = [], [], []
        for i in range(25):
            for j in range(i):
                z = abs(opinions[i] - opinions[j]) / np.sqrt(errors[i] ** 2 + errors[j] ** 2)
                if z > 1.96:
                    different.append(abs(s[i] - s[j]))
                    better.append(s[i] - s[j] if opinions[i] > opinions[j] else s[j] - s[i])
                else:
                    similar.append(abs(s[i] - s[j]))
        assert (found.different, found.similar) == (len(different), len(similar))
        u = stats.mannwhitneyu(different, similar).statistic
        assert found.different_similar.auc[metric] == pytest.approx(u / len(different) / len(similar))
        u = stats.mannwhitneyu(better, -np.array(better)).statistic
        assert found.better_worse.auc[metric] == pytest.approx(u / len(better) ** 2)
        assert found.accuracy[metric] == pytest.approx(np.mean(np.array(better) > 0))
    order = draw.permutation(25)
    shuffled = analyse_pairs(scores[:, order], opinions[order], errors[order])
    assert shuffled.better_worse.auc == pytest.approx(found.better_worse.auc)
    assert shuffled.better_worse.p_value(0, 1) == pytest.approx(found.better_worse.p_value(0, 1))
    assert found.better_worse.p_value(0, 1) < 0.01


def test_metrics_do_not_influence_each_other() -> None:
    draw = np.random.default_rng(6)
    opinions, scores = draw.normal(size=40), draw.normal(size=(3, 40))
    together, errors = analyse_pairs(scores, opinions, np.full(40, 0.3)), np.full(40, 0.3)
    for index in range(3):
        alone = analyse_pairs(scores[[index]], opinions, errors)
        for name in ("different_similar", "better_worse"):
            assert getattr(alone, name).auc[0] == getattr(together, name).auc[index]
            assert getattr(alone, name).covariance[0, 0] == getattr(together, name).covariance[index, index]
        assert alone.accuracy[0] == together.accuracy[index]


def test_invalid_arguments_are_refused() -> None:
    with pytest.raises(ArgumentError, match="at most 3000 rows"):
        analyse_pairs(np.zeros((1, 3001)), np.zeros(3001), np.zeros(3001))
    with pytest.raises(ArgumentError, match="must be finite"):
        analyse_pairs(np.zeros((1, 2)), np.zeros(2), np.array([-1.0, 0]))
    with pytest.raises(ArgumentError, match=r"but have \(1, 2\), \(3,\) and \(3,\)"):
        analyse_pairs(np.zeros((1, 2)), np.zeros(3), np.zeros(3))
    with pytest.raises(ArgumentError, match=r"but have \(1, 2\) and \(2, 2\)"):
        delong(np.zeros((1, 2)), np.zeros((2, 2)))
