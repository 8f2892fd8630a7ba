"""Outlier ratio and pair analysis against counting of pairs, scipy's rank tests, and examples computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from innersight.errors import ArgumentError
from innersight.evaluation import krasula
from innersight.evaluation.krasula import analyse_pairs, delong, evaluate_with_std


def test_areas_and_covariance_of_delong_by_counting_and_by_scipy() -> None:
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


def test_delong_by_hand() -> None:
    """Positives 3, 2, negatives 1, 2: V = 1, 0.75; W = 1, 0.75; each sample variance is 1 / 32."""
    found = delong(np.array([[3.0, 2.0]]), np.array([[1.0, 2.0]]))
    assert found.auc[0] == 0.875
    assert found.covariance[0, 0] == pytest.approx(1 / 32)


def test_equal_areas_are_told_apart_as_rarely_as_the_test_says() -> None:
    draw = np.random.default_rng(0)
    p = []
    for _ in range(1000):
        shared = draw.normal(size=(1, 100))
        samples = shared + draw.normal(size=(2, 100))
        p.append(delong(samples[:, :50] + 1, samples[:, 50:]).p_value(0, 1))
    assert 0.03 < np.mean(np.array(p) < 0.05) < 0.07


def test_mirrored_pairs_have_twice_the_covariance() -> None:
    """The area of B against -B is Wilcoxon's signed-rank count of Walsh sums; its variance is that of draws."""
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


def test_pairs_by_counting() -> None:
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
    turned = analyse_pairs(scores[:, order], opinions[order], errors[order])
    assert turned.better_worse.auc == pytest.approx(found.better_worse.auc)
    assert turned.better_worse.p_value(0, 1) == pytest.approx(found.better_worse.p_value(0, 1))
    assert found.better_worse.p_value(0, 1) < 0.01


def test_outliers_are_counted_with_and_without_votes() -> None:
    """The curve passes through all opinions but one, which is 3 off: beyond 2 * 1, within 2 * 2, beyond 1.96 * 2 / 2."""
    x = np.linspace(-4, 4, 401)
    opinions = 100 / (1 + np.exp(-x))
    opinions[200] += 3
    for std, votes, expected in ((1.0, None, 1), (2.0, None, 0), (2.0, 4, 1), (2.0, 1, 0)):
        found = evaluate_with_std(
            [x], opinions, np.full(401, std), opinion_direction="higher-is-better",
            score_direction="higher-is-better", votes=votes,
        )  # fmt: skip
        assert found.outlier_ratio[0] == pytest.approx(expected / 401)


def test_many_rows_are_cut_to_a_subset_of_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(krasula, "MOST_ROWS", 20)
    draw = np.random.default_rng(4)
    table = draw.normal(size=(2, 50))
    one, again, other = (
        evaluate_with_std([table[0]], table[1], np.ones(50) / 4, opinion_direction="higher-is-better", seed=seed)
        for seed in (0, 0, 1)
    )
    assert (one.rows, one.pair_rows) == (50, 20)
    assert one.to_json() == again.to_json() != other.to_json()
    assert one.notes == ["pairs are compared in a random subset of 20 of 50 rows, seed 0"]


def test_what_is_not_defined_is_none_and_rows_without_std_are_counted() -> None:
    found = evaluate_with_std(
        [[1, 2, 3, 4], [2, 1, 3, 4]], [1, 2, 3, 4], [9, 9, 9, None], opinion_direction="higher-is-better"
    )
    assert (found.pairs.different, found.pairs.similar) == (0, 3)
    assert set(found.statistics(0).values()) == {None}
    assert found.p_values() == {"auc_different_similar": None, "auc_better_worse": None}
    assert found.notes == ["1 of 4 rows left out where the standard deviation is used"]


def test_what_cannot_be_used_is_refused() -> None:
    def measure(stds, votes=None):
        return evaluate_with_std([[1, 2, 3]], [1, 2, 3], stds, opinion_direction="higher-is-better", votes=votes)

    with pytest.raises(ArgumentError, match="Standard deviations must not be negative, but one is -1"):
        measure([1, 1, -1])
    with pytest.raises(ArgumentError, match="at least 3 rows with finite scores, opinion and standard deviation"):
        measure([1, 1, None])
    with pytest.raises(ArgumentError, match="equally many rows, but have 3, 3, 2"):
        measure([1, 1])
    with pytest.raises(ArgumentError, match="`votes` must be at least 1, but got 0"):
        measure([1, 1, 1], 0)
    with pytest.raises(ArgumentError, match="at most 3000 rows"):
        analyse_pairs(np.zeros((1, 3001)), np.zeros(3001), np.zeros(3001))
    with pytest.raises(ArgumentError, match="must be finite"):
        analyse_pairs(np.zeros((1, 2)), np.zeros(2), np.array([-1.0, 0]))
    with pytest.raises(ArgumentError, match=r"but are \(1, 2\), \(3,\) and \(3,\)"):
        analyse_pairs(np.zeros((1, 2)), np.zeros(3), np.zeros(3))
    with pytest.raises(ArgumentError, match=r"but are \(1, 2\) and \(2, 2\)"):
        delong(np.zeros((1, 2)), np.zeros((2, 2)))
