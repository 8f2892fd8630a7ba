"""`innersight metrics` and `innersight backbones`: what there is to choose from."""

from __future__ import annotations

from typing import Annotated

import typer


def metrics() -> None:
    """List the presets, the distances, and the rivals that `bench` measures beside them."""
    from rich.table import Table

    from innersight.cli.console import console
    from innersight.distances.registry import DISTANCES
    from innersight.metrics.external import RIVALS
    from innersight.metrics.presets import COMBINED, PRESETS

    fields = (
        "backbone",
        "features",
        "layers",
        "input",
        "chroma",
        "normalisation",
        "tokens",
        "distance",
        "spread",
        "spread_order",
        "spread_layers",
        "layer_scale",
        "structure",
        "colour",
        "tint",
        "position_pooling",
        "layer_pooling",
    )
    presets = Table("preset", *PRESETS, title="Presets")
    for field in fields:
        values = (getattr(preset, field) for preset in PRESETS.values())
        presets.add_row(field, *("all" if value is None else str(value) for value in values))
    distances = Table("distance", "defined for", "what it is", title="Distances")
    for distance in DISTANCES.values():
        distances.add_row(distance.name, ", ".join(distance.rules), distance.summary)
    rivals = Table("rival", "better", "what it is", title="Rivals, for bench (piq)")
    for rival in RIVALS.values():
        rivals.add_row(rival.name, "higher" if rival.higher_is_better else "lower", rival.about)
    out = console()
    out.print(presets)
    for name, parts in COMBINED.items():
        out.print(f"{name} is the mean of the scores of {parts}; other metrics of means of logarithms join by + too.")
    out.print(distances)
    out.print(rivals)
    out.print(
        "Transformers give tokens, other networks maps; --features embedding gives embeddings (CLIP and DINO).\n"
        "Every field of a preset can be changed: innersight score --help."
    )


def backbones(
    search: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Also search the names of all pretrained timm models.")
    ] = None,
) -> None:
    """List the backbones that have an alias; with --search, any timm model whose name holds the text."""
    from rich.table import Table

    from innersight.backbones.catalogue import CATALOGUE
    from innersight.cli.console import console

    wanted = (search or "").lower()
    entries = [entry for entry in CATALOGUE if wanted in f"{entry.alias} {entry.timm_name} {entry.family}".lower()]
    out = console()
    if entries:
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, style="bold")
        for entry in entries:
            facts = (
                entry.family,
                entry.licence,
                f"embedding: {entry.embedding or 'none'}",
                f"offline: {'yes' if entry.embedded else 'after pull'}",
            )
            table.add_row(entry.alias, "\n".join(filter(None, (entry.timm_name, ", ".join(facts), entry.note))))
        out.print(table)
    if search is None:
        out.print("Any other pretrained timm model works by its name: --search TEXT finds it.")
        return
    import timm

    names = [name for name in timm.list_models(pretrained=True) if wanted in name.lower()]
    for name in names:
        print(name)
    if not entries and not names:
        print(f"No backbone's name holds {search!r}.")
