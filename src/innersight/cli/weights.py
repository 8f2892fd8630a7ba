"""`innersight weights`: what is here, and fetching more for later offline use."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Weights on this machine.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """Say for each backbone of the catalogue where its weights are."""
    from rich.table import Table

    from innersight.backbones.catalogue import CATALOGUE
    from innersight.backbones.hub import FOLDER_VARIABLE, find_local, weights_folder
    from innersight.cli.console import console

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    for entry in CATALOGUE:
        found = find_local(entry)
        if found is None:
            table.add_row(entry.alias, "absent", "")
        else:
            table.add_row(entry.alias, found.source, f"{found.digest}\n{found.path}")
    out = console()
    out.print(table)
    out.print(
        f"Folder ({FOLDER_VARIABLE}): {weights_folder() or 'not set'}. Absent ones: innersight weights pull NAME."
    )


@app.command()
def pull(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Aliases or timm names.")],
) -> None:
    """Fetch weights for later offline use, into INNERSIGHT_WEIGHTS_DIR or the hub's own cache."""
    from innersight.backbones.catalogue import resolve
    from innersight.backbones.hub import pull_weights

    for entry in [resolve(name) for name in names]:
        file = pull_weights(entry)
        print(f"{entry.alias}: {file.path} ({file.source}, {file.digest})")
