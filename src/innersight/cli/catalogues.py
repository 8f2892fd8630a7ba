"""`innersight metrics` and `innersight backbones`: the names to choose from."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from innersight.cli import options
from innersight.errors import ArgumentError
from innersight.extras import missing_extra, needed_for

if TYPE_CHECKING:
    from innersight.metrics.config import MetricConfig
    from innersight.metrics.terms.base import Term
    from innersight.metrics.view import View

metrics_app = typer.Typer(help="List the metrics, terms and distances, or show one configuration.")


@metrics_app.callback(invoke_without_command=True)
def metrics(context: typer.Context) -> None:
    """List the metrics, terms and distances, or show one configuration."""
    if context.invoked_subcommand is not None:
        return
    from rich.table import Table

    from innersight.cli.console import console

    try:
        from innersight.distances.registry import DISTANCES
        from innersight.metrics.external.registry import METRICS
        from innersight.metrics.presets.registry import PRESETS
        from innersight.metrics.terms.base import TERMS
    except ModuleNotFoundError as error:
        if missing_extra(error, "") is error:
            raise
        _print_shipped()
        return

    presets = Table("preset", "views", "terms (weight)", "scale, reduce", title="Metrics of this package: presets")
    for name, preset in PRESETS.items():
        presets.add_row(name, *_preset_row(preset))
    others = Table("metric", "better", "description", title="Metrics of other libraries")
    for name, entry in METRICS.items():
        others.add_row(name, "higher" if entry.higher_is_better else "lower", entry.summary)
    terms = Table("term", "description", "parameters and defaults", title="Terms of a configuration")
    for name, term in TERMS.items():
        terms.add_row(name, term.summary, _parameters(term))
    distances = Table("distance", "defined for", "description", title="Distances of the term feature_distance")
    for name, distance in DISTANCES.items():
        distances.add_row(name, ", ".join(distance.rules), distance.summary)
    out = console()
    for table in (presets, others, terms, distances):
        out.print(table)
    out.print(
        "The layers of a transformer give tokens, those of other networks give feature maps. --features embedding "
        "compares embeddings (CLIP, DINO).\n"
        "`innersight metrics show NAME` prints a configuration as TOML. Save it to a file, edit it and pass the file "
        "as --metric FILE.toml. --set PATH=VALUE changes one value."
    )


@metrics_app.command("show")
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="Name of a preset, or a .toml or .json file of a configuration.")
    ],
    set_: options.Changes = None,
) -> None:
    """Print a configuration as TOML, with all its values."""
    changes = options.parse_changes(set_)
    try:
        from innersight.metrics.factory import resolve
        from innersight.metrics.serialization import to_toml
    except ModuleNotFoundError as error:
        if changes or not _print_configuration(name):
            raise missing_extra(error, f"The configuration of {name!r}") from error
        return
    config = resolve(name, changes)
    if config is None:
        raise ArgumentError(f"The metric {name!r} is of another library and has no configuration: show a preset.")
    print(to_toml(config), end="")


def backbones(
    search: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Show only names that contain this text, and also search all pretrained timm models."
        ),
    ] = None,
) -> None:
    """List the backbones that have an alias.

    Any other pretrained timm model can be used by its name, too.
    """
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
                f"weights: {'installed' if entry.embedded else 'downloaded at first use'}",
            )
            table.add_row(entry.alias, "\n".join(filter(None, (entry.timm_name, ", ".join(facts), entry.note))))
        out.print(table)
    if search is None:
        out.print(
            "Any other pretrained timm model can be used by its name. --search TEXT lists the names that contain TEXT."
        )
        return
    with needed_for("Option --search"):
        import timm

    names = [name for name in timm.list_models(pretrained=True) if wanted in name.lower()]
    for name in names:
        print(name)
    if not entries and not names:
        print(f"No name of a backbone contains {search!r}.")


def _print_shipped() -> None:
    """Print the metrics that work without torch, and what torch adds."""
    from rich.table import Table

    from innersight.bundles import SHIPPED, shipped
    from innersight.cli.console import console

    table = Table("metric", "better", "parts of the score", title="Metrics that are installed with this package")
    for name in SHIPPED:
        if (bundle := shipped(name)) is not None:
            better = "higher" if bundle.higher_is_better else "lower"
            table.add_row(name, better, ", ".join(bundle.layer_names))
    out = console()
    out.print(table)
    out.print(
        "torch is not installed. pip install 'innersight[torch]' adds other presets, metrics of other libraries, any "
        "backbone, and changes of a configuration.",
        markup=False,
    )


def _print_configuration(name: str) -> bool:
    """Print the configuration of a metric that is installed with this package; return whether there is one."""
    import tomli_w

    from innersight.bundles import shipped

    bundle = shipped(name)
    if bundle is None:
        return False
    print(tomli_w.dumps(bundle.configuration), end="")
    return True


def _preset_row(preset: MetricConfig) -> tuple[str, str, str]:
    views = [f"{view.name}: {view.backbone}, {_view_options(view)}" for view in preset.active_views]
    terms = [f"{term.name} ({term.weight:g})" for term in preset.active_terms]
    return "\n".join(views), "\n".join(terms), f"{preset.scale}, {preset.reduce}"


def _view_options(view: View) -> str:
    stated = {
        "input": view.input,
        "chroma": view.chroma,
        "normalisation": view.normalisation,
        "token_norm": view.token_norm,
    }
    return ", ".join(f"{key} {value}" for key, value in stated.items() if str(value) not in ("none", "full"))


def _parameters(term: type[Term]) -> str:
    shown = []
    for item in dataclasses.fields(term):
        if item.name not in ("name", "view"):
            default = "all" if item.name == "layers" and item.default is None else item.default
            shown.append(f"{item.name}={default if default != () else '{}'}")
    return ", ".join(shown)
