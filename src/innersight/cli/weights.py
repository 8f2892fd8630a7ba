"""`innersight weights`: the weights on this machine, and the download of more for later use without a network."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="List the weights of backbones on this machine, or download more.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """List the backbones that have an alias, and the location and the digest of their weights on this machine."""
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
        f"The folder of weights ({FOLDER_VARIABLE}) is {weights_folder() or 'not set'}. `innersight weights pull NAME` "
        "downloads absent weights."
    )


@app.command()
def pull(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...", help="Backbones: aliases from `innersight backbones`, or names of timm models."
        ),
    ],
) -> None:
    """Download weights for later use without a network.

    They are stored in the folder INNERSIGHT_WEIGHTS_DIR, or in the cache of the Hugging Face hub if that is not set.
    """
    from innersight.backbones.catalogue import resolve
    from innersight.backbones.hub import pull_weights

    for entry in [resolve(name) for name in names]:
        file = pull_weights(entry)
        print(f"{entry.alias}: {file.path} ({file.source}, {file.digest})")
