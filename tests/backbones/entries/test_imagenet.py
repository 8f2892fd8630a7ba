"""The default backbone is installed with the package; its data agrees with the installed file."""

from __future__ import annotations

from importlib.metadata import version

from innersight.backbones.catalogue import BACKBONES
from innersight.backbones.hub import find_local


def test_the_default_names_the_installed_package_and_its_file() -> None:
    embedded = BACKBONES["efficientnet-lite0"].embedded
    name, _, wanted = embedded.requirement.partition("==")
    assert version(name) == wanted
    found = find_local(BACKBONES["efficientnet-lite0"])
    assert found.digest == embedded.digest
    assert found.path.name == f"efficientnet-lite0-{embedded.digest.removeprefix('sha256:')[:8]}.pth"
