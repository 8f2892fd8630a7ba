"""Metrics as ONNX graphs, which ONNX Runtime runs without torch."""

from innersight.bundles.bundle import Bundle as Bundle
from innersight.bundles.installed import SHIPPED as SHIPPED
from innersight.bundles.installed import shipped as shipped
