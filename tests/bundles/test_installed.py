"""The installed bundle is the preset: its configuration, its weights and its results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import innersight
from innersight.bundles import SHIPPED, shipped
from innersight.bundles.bundle import Bundle
from innersight.bundles.description import GRAPHS
from innersight.export.graphs import Graphs
from innersight.export.modules import view_graphs
from innersight.metrics.description import cite_configuration, describe
from innersight.metrics.presets.registry import PRESETS
from innersight.metrics.serialization import config_to_dict
from standins import tensor_pair


@pytest.fixture(params=SHIPPED)
def bundle(request: pytest.FixtureRequest) -> Bundle:
    found = shipped(request.param)
    assert found is not None
    return found


def test_its_configuration_is_that_of_the_preset(bundle: Bundle) -> None:
    assert bundle.configuration == config_to_dict(PRESETS[bundle.name]), "run: make bundle"


def test_its_description_and_citation_are_those_of_the_metric(bundle: Bundle) -> None:
    metric = innersight.create_metric(bundle.name)
    record = describe(metric.config, metric.comparisons)
    del record["versions"]
    assert {key: bundle.describe()[key] for key in record} == record, "run: make bundle"
    assert bundle.citation.startswith(cite_configuration(metric.config, metric.comparisons)), "run: make bundle"
    assert bundle.layer_names == metric.layer_names


def test_its_check_covers_small_and_large_images(bundle: Bundle) -> None:
    assert bundle.check["sizes"] >= 20
    assert all(item["value"] <= 1e-5 for item in bundle.check["largest_difference"].values())


def test_no_path_of_the_machine_that_made_it_is_in_it(bundle: Bundle) -> None:
    for name in GRAPHS:
        content = (bundle.folder / name).read_bytes()
        assert b".py" not in content
        assert str(Path(innersight.__file__).parent).encode() not in content


@pytest.mark.thorough
@pytest.mark.parametrize("size", [(64, 64), (97, 211), (300, 400), (640, 361)])
def test_it_scores_as_torch(bundle: Bundle, size: tuple[int, int]) -> None:
    metric = innersight.create_metric(bundle.name)
    reference, distorted = tensor_pair(*size, seed=1)
    r, d = (bundle.extract(image.numpy()) for image in (reference, distorted))
    score, parts = bundle.compare(r, d)
    assert score == pytest.approx(metric(reference, distorted).item(), rel=1e-5)
    assert parts == pytest.approx(metric.per_layer(reference, distorted)[0].tolist(), abs=1e-5 * score)
    expected = metric.map(reference, distorted)[0].numpy()
    assert np.abs(bundle.map(r, d, size) - expected).mean() <= 1e-5 * expected.mean()


@pytest.mark.thorough
def test_graphs_built_anew_give_the_same_numbers(bundle: Bundle) -> None:
    graphs = Graphs(view_graphs(innersight.create_metric(bundle.name)))
    assert graphs.names == bundle.feature_names
    built = onnxruntime.InferenceSession(graphs.extract().SerializeToString())
    compare = onnxruntime.InferenceSession(graphs.compare().SerializeToString())
    for size in ((120, 77), (300, 420)):
        sides = [image.numpy() for image in tensor_pair(*size, seed=2)]
        features = [
            dict(zip(graphs.names, built.run(list(graphs.names), {"image": side}), strict=True)) for side in sides
        ]
        for side, own in zip(sides, features, strict=True):
            for name, tensor in bundle.extract(side).items():
                np.testing.assert_allclose(own[name], tensor, atol=1e-5 * np.abs(tensor).max())
        inputs = {f"reference.{name}": tensor for name, tensor in features[0].items()}
        inputs |= {f"distorted.{name}": tensor for name, tensor in features[1].items()}
        (score,) = compare.run(["score"], inputs)
        assert score[0] == pytest.approx(bundle.compare(*features)[0], rel=1e-6)
