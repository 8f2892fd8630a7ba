"""The table of distances: what each is defined for, its options, and how another package adds one."""

from __future__ import annotations

import pickle
from importlib.metadata import EntryPoint

import pytest
import torch

from innersight import registry
from innersight.distances.pointwise import cos_along_width, l2
from innersight.distances.registry import DISTANCES, KINDS, Distance, Layerwise, Positional, Rule, Stacked, find_rule
from innersight.distances.sliced import swd
from innersight.errors import ArgumentError
from innersight.registry import Registry


def scaled_l1(
    reference: torch.Tensor, distorted: torch.Tensor, factor: float = 1.0, unit: str = "a", strict: bool = False
) -> torch.Tensor:
    """A distance of another package."""
    return factor * (reference - distorted).abs().mean(-1)


SCALED_L1 = Distance("scaled absolute difference", {"tokens": Positional(scaled_l1)})


def test_the_papers_distances_are_all_there() -> None:
    assert {"l2", "cos", "skld", "jsd", "wsd", "swd"} <= set(DISTANCES)


def test_every_rule_is_a_rule_of_a_known_kind_and_its_defaults_pass_its_own_check() -> None:
    for distance in DISTANCES.values():
        assert set(distance.rules) <= set(KINDS)
        assert distance.summary
        for rule in distance.rules.values():
            assert isinstance(rule, Rule)
            rule.check_options(rule.options)


@pytest.mark.parametrize("name", ["skld", "jsd", "wsd", "swd"])
def test_stack_distances_are_for_tokens_only(name: str) -> None:
    with pytest.raises(
        ArgumentError, match=rf"'{name}' is not defined for maps.*Defined for maps: channel-cos, cos, l2, rel-l2\."
    ):
        find_rule(name, "maps", "clip-rn50")


def test_only_cos_is_for_embeddings() -> None:
    with pytest.raises(ArgumentError, match=r"'l2' is not defined for embedding.*Defined for embedding: cos\."):
        find_rule("l2", "embedding", "clip-vitb32")


@pytest.mark.parametrize("name", ["sklt", None, 3, ["l2"]])
def test_an_unknown_name_is_an_error(name: object) -> None:
    with pytest.raises(ArgumentError, match=r"Argument `distance` must be one of \(.*l2.*\), but got"):
        find_rule(name, "tokens", "x")


def test_an_unknown_name_gets_its_nearest_match() -> None:
    with pytest.raises(ArgumentError, match=r"but got 'sklt'\. Did you mean skld"):
        find_rule("sklt", "tokens", "x")


def test_a_distance_of_another_package_is_found_and_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("scaled-l1", f"{__name__}:SCALED_L1", "innersight.distances")
    monkeypatch.setattr(registry, "entry_points", lambda group: (point,) if group == "innersight.distances" else ())
    # The same table under the same group, which has not read the entry points yet.
    table: Registry[Distance] = Registry(
        DISTANCES.noun, "innersight.distances", group="innersight.distances", kind=Distance
    )
    rule = table.find("scaled-l1").rules["tokens"]
    assert torch.equal(rule(torch.zeros(1, 2, 4), torch.ones(1, 2, 4), factor=3.0), torch.full((1, 2), 3.0))


def test_the_options_are_the_parameters_with_defaults_fault_15() -> None:
    """A seeded distance is found by its parameter, whatever its name."""
    assert Positional(scaled_l1).options == {"factor": 1.0, "unit": "a", "strict": False}
    assert find_rule("swd", "tokens", "x").options == {"seed": 0}
    assert find_rule("l2", "tokens", "x").options == {}


def test_options_reach_the_function_fault_15() -> None:
    stacks = torch.randn(2, 1, 3, 8, 8, generator=torch.Generator().manual_seed(0)).unbind()
    rule = Stacked(swd)
    assert torch.equal(rule(*stacks, seed=3), swd(*stacks, 3))
    assert not torch.equal(rule(*stacks, seed=3), rule(*stacks))


@pytest.mark.parametrize("given", [{}, {"factor": 2}, {"factor": 0.5, "unit": "b", "strict": True}])
def test_options_of_the_type_of_the_default_pass(given: dict[str, object]) -> None:
    Positional(scaled_l1).check_options(given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"factr": 1.0}, r"`options` must be one of \(factor, unit, strict\), but got 'factr'\. Did you mean factor"),
        ({"factor": "1"}, r"`factor` must be a number, such as the default 1\.0, but got '1' of type str"),
        ({"factor": True}, "`factor` must be a number"),
        ({"factor": None}, "`factor` must be a number"),
        ({"unit": 1}, "`unit` must be of type str, such as the default 'a', but got 1 of type int"),
        ({"strict": 1}, "`strict` must be True or False, such as the default False"),
    ],
)
def test_other_options_are_an_error(given: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Positional(scaled_l1).check_options(given)


@pytest.mark.parametrize("seed", [1.0, "1", True, None])
def test_a_seed_is_an_integer(seed: object) -> None:
    with pytest.raises(ArgumentError, match="`seed` must be an integer, such as the default 0"):
        Stacked(swd).check_options({"seed": seed})


def test_a_distance_without_options_takes_none() -> None:
    with pytest.raises(ArgumentError, match=r"`options` must be empty.* got 'seed'"):
        Positional(l2).check_options({"seed": 1})


def test_a_function_without_a_signature_has_no_options() -> None:
    assert Positional(torch.sub).options == {}


def test_a_third_parameter_needs_a_default() -> None:
    with pytest.raises(ArgumentError, match="the parameter `weight` has no default"):
        Positional(lambda reference, distorted, weight: reference)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({}, "at least one of"),
        ({"token": Positional(l2)}, "must be one of .tokens, maps, embedding., but got 'token'. Did you mean tokens"),
        ({"tokens": l2}, "must map 'tokens' to a Positional, Layerwise or Stacked, but got an object of type function"),
    ],
)
def test_a_distance_with_wrong_rules_is_an_error(rules: dict[str, Rule], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Distance("wrong", rules)


@pytest.mark.parametrize("rule", [Positional(l2), Layerwise(cos_along_width), Stacked(swd)])
def test_rules_and_distances_are_pickled(rule: Rule) -> None:
    assert pickle.loads(pickle.dumps(rule)) == rule
    for distance in DISTANCES.values():
        assert pickle.loads(pickle.dumps(distance)) == distance
