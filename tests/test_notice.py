"""NOTICE: the origin and the licence of the weights that the package contains."""

from __future__ import annotations

from pathlib import Path

from innersight.bundles import SHIPPED, shipped

NOTICE = Path(__file__).parent.parent / "NOTICE"


def test_each_installed_bundle_lies_beside_a_copy_of_the_notice() -> None:
    for name in SHIPPED:
        bundle = shipped(name)
        assert bundle is not None
        assert (bundle.folder / "NOTICE").read_bytes() == NOTICE.read_bytes()


def test_the_notice_names_the_file_of_the_weights_in_each_installed_bundle() -> None:
    for name in SHIPPED:
        bundle = shipped(name)
        assert bundle is not None
        for view in bundle.describe()["views"].values():
            weights = view["weights"]
            assert weights["file"] in NOTICE.read_text()
            assert weights["digest"].removeprefix("sha256:") in NOTICE.read_text()
