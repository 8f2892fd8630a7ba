"""`innersight metrics` and `innersight backbones`: what there is to choose from."""

from __future__ import annotations

from typing import Annotated

import typer


def metrics() -> None:
    """List the presets and the distances."""
    from rich.console import Console
    from rich.table import Table

    from innersight.distances.registry import DISTANCES
    from innersight.metric.presets import PRESETS

    presets = Table("preset", "backbone", "input", "normalisation", "distance", "positions", "layers", title="Presets")
    for preset in PRESETS.values():
        presets.add_row(
            preset.preset,
            preset.backbone,
            str(preset.input),
            preset.normalisation,
            preset.distance,
            preset.position_pooling or "-",
            f"{preset.layer_pooling} of {'all' if preset.layers is None else preset.layers}",
        )
    distances = Table("distance", "defined for", "what it is", title="Distances")
    for distance in DISTANCES.values():
        distances.add_row(distance.name, ", ".join(distance.rules), distance.summary)
    console = Console()
    console.print(presets)
    console.print(distances)
    console.print(
        "Transformers give tokens, other networks maps; --features embedding gives embeddings (CLIP and DINO).\n"
        "Every field of a preset can be changed: innersight score --help."
    )


def backbones(
    search: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Also search the names of all pretrained timm models.")
    ] = None,
) -> None:
    """List the backbones that have an alias; with --search, any timm model whose name holds the text."""
    from rich.console import Console
    from rich.table import Table

    from innersight.backbones.catalogue import CATALOGUE

    wanted = (search or "").lower()
    entries = [entry for entry in CATALOGUE if wanted in f"{entry.alias} {entry.timm_name} {entry.family}".lower()]
    console = Console()
    if entries:
        table = Table("alias", "timm name", "family", "licence", "embedding", "offline", "note", title="Backbones")
        for entry in entries:
            offline = "yes" if entry.embedded else "after pull"
            table.add_row(
                entry.alias,
                entry.timm_name,
                entry.family,
                entry.licence,
                entry.embedding or "-",
                offline,
                entry.note,
            )
        console.print(table)
    if search is None:
        console.print("Any other pretrained timm model works by its name: --search TEXT finds it.")
        return
    import timm

    names = [name for name in timm.list_models(pretrained=True) if wanted in name.lower()]
    for name in names:
        print(name)
    if not entries and not names:
        console.print(f"No backbone's name holds {search!r}.")
