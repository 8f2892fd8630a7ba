"""Fixtures of the tests on a device: `lite` there and on the CPU, without TF32."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

import innersight
from gpu_device import DEVICE, SetTF32
from innersight import FeatureMetric


@pytest.fixture(autouse=True)
def set_tf32() -> Iterator[SetTF32]:
    """Switch TF32 off for each test. The function that a test gets switches it on or off."""

    convolutions, products = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32

    def switch(on: bool) -> None:
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = on

    switch(False)
    yield switch
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = convolutions, products


@pytest.fixture(scope="session")
def there() -> FeatureMetric:
    """`lite` on the device."""
    return innersight.create_metric("lite", device=DEVICE)


@pytest.fixture(scope="session")
def here() -> FeatureMetric:
    """`lite` on the CPU."""
    return innersight.create_metric("lite")


@pytest.fixture(scope="session")
def exact() -> FeatureMetric:
    """`lite` on the CPU in float64."""
    return innersight.create_metric("lite", precision="fp64")
