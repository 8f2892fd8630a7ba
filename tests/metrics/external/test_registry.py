"""The registry of metrics without a configuration: its entries make metrics, and other packages can add theirs."""

from __future__ import annotations

import dataclasses

import pytest
import torch

import innersight
from innersight.errors import ArgumentError
from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.external.piq_metrics import PiqMetric
from innersight.metrics.external.registry import METRICS, MetricEntry
from innersight.metrics.presets.registry import PRESETS


def test_no_metric_has_the_name_of_a_preset() -> None:
    assert set(METRICS).isdisjoint(PRESETS)


def test_every_entry_has_a_summary_of_one_line() -> None:
    for name, entry in METRICS.items():
        assert entry.summary, name
        assert "\n" not in entry.summary, name


def test_an_unknown_name_is_refused_with_the_nearest_of_presets_and_metrics() -> None:
    with pytest.raises(
        ArgumentError, match=r"`metric` must be one of \(.*lite.*psnr.*\), but got 'fsimc'\. Did you mean fsim"
    ):
        innersight.create_metric("fsimc")


def test_an_added_entry_is_made_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[torch.device] = []

    def create(device: torch.device) -> FullReferenceMetric:
        asked.append(device)
        return PiqMetric(
            "mine", "mine", lambda d, r: (d - r).abs().mean((1, 2, 3)), higher_is_better=False, device=device
        )

    dict(METRICS)  # the registry is filled before the entry is added
    monkeypatch.setitem(METRICS._items, "mine", MetricEntry("mean absolute difference", False, create))
    metric = innersight.create_metric("mine")
    image = torch.zeros(2, 3, 8, 8)
    assert metric(image, image + 0.25).tolist() == [0.25, 0.25]
    assert asked == [torch.device("cpu")]


def test_an_entry_of_a_taken_name_is_refused() -> None:
    with pytest.raises(ArgumentError, match="The metric 'psnr' is registered already: choose another name"):
        METRICS.add("psnr", METRICS["psnr"])


def test_entries_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        METRICS["psnr"].summary = "other"  # type: ignore[misc]


def test_a_metric_without_a_configuration_takes_no_changes() -> None:
    with pytest.raises(ArgumentError, match=r"'psnr' has no configuration, .* but got distance: leave the changes out"):
        innersight.create_metric("psnr:distance=l2")
