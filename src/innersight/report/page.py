"""The page of a report: one file of HTML that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from innersight.inference.scorer import Scorer
from innersight.io.whole_files import write_file
from innersight.report.content import Report
from innersight.report.destinations import check_destination
from innersight.report.heatmap import colour_table
from innersight.report.pictures import PictureOptions, draw_pairs

_SCRIPTS = (
    "vendor/tabulator.min.js",
    "vendor/plotly-cartesian.min.js",
    "page/base.js",
    "page/plots.js",
    "page/viewer.js",
    "page/table.js",
    "page/main.js",
)
_STYLES = ("vendor/tabulator_simple.min.css", "page/report.css")
_SOURCE_MAP = re.compile(r"^(//|/\*)# sourceMappingURL=.*$", re.MULTILINE)  # a browser would ask for that file
_AGREES = 1e-3  # largest relative difference between a score of the table and the score drawn


def write_report(
    path: str | Path,
    report: Report,
    scorer: Scorer,
    *,
    pairs: int = 100,
    options: PictureOptions | None = None,
    on_pair: Callable[[int], None] = lambda _: None,
) -> list[str]:
    """Write a report as one file of HTML.

    The page shows the pairs in a table, and opens each with its images and its map. It makes no request to any server.
    All scripts, styles and images are in the file, unless `options` link to the images.

    Args:
        path: The file, with the suffix .html.
        report: The content.
        scorer: The scorer of one of the metrics. It draws the maps.
        pairs: Largest number of pairs whose images are in the file. Default: 100.
        options: How the images are drawn. Default: embedded, transparent pixels on white and black.
        on_pair: Called with the number of drawn pairs after each. Default: nothing.

    Returns:
        Sentences on what the reader should know: pairs that could not be drawn, or scores that differ from the table.

    Raises:
        ArgumentError: If the file cannot be written.

    Example:
        >>> from PIL import Image
        >>> from innersight.report.content import ReportMetric, ReportRow
        >>> folder = getfixture("tmp_path")
        >>> files = folder / "a.png", folder / "b.png"
        >>> for file, level in zip(files, (90, 200)):
        ...     Image.new("L", (64, 64), level).save(file)
        >>> scorer = Scorer("lite")
        >>> row = ReportRow("a.png", "b.png", {"lite": scorer(*files)}, files=files)
        >>> write_report(folder / "report.html", Report("Greys", [ReportMetric.of(scorer)], [row]), scorer)
        []
        >>> (folder / "report.html").read_text()[:15]
        '<!doctype html>'
    """
    path = Path(path)
    check_report(path)
    chosen = report.pairs_to_draw(pairs)
    drawn = draw_pairs([report.rows[index] for index in chosen], scorer, options or PictureOptions(), on_pair)
    notes = _differences(report, scorer.name, chosen, drawn)
    content = report.to_json()
    content["notes"] += notes
    content["pairs"] = {str(index): pictures for index, pictures in zip(chosen, drawn, strict=True)}
    content["drawnBy"] = scorer.name
    content["colours"] = colour_table()
    write_file(path, render(content).encode())
    return notes


def check_report(path: Path) -> None:
    """Check that a report can be written, before the work.

    Raises:
        ArgumentError: As `check_destination`, with the suffix .html.
    """
    check_destination(path, (), "report", (".html",))


def render(content: dict[str, Any]) -> str:
    """Return the page for content in JSON types.

    All text of the content is data: the page shows it, and a policy lets no script run but those of this package.
    """
    folder = resources.files("innersight.report")
    scripts = [_SOURCE_MAP.sub("", (folder / name).read_text(encoding="utf-8")) for name in _SCRIPTS]
    styles = [_SOURCE_MAP.sub("", (folder / name).read_text(encoding="utf-8")) for name in _STYLES]
    data = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":  # so that no text can end the script element
        data = data.replace(character, f"\\u{ord(character):04x}")
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    policy = (
        f"default-src 'none'; script-src {allowed}; "
        "style-src 'unsafe-inline'; img-src data: blob: file: 'self'; base-uri 'none'; form-action 'none'"
    )
    return Template((folder / "page" / "report.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(content["title"]),
        policy=html.escape(policy, quote=True),
        styles="\n".join(f"<style>{style}</style>" for style in styles),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
        data=data,
    )


def _differences(report: Report, metric: str, chosen: list[int], drawn: list[dict[str, Any]]) -> list[str]:
    notes = []
    unread = sum("error" in pictures for pictures in drawn)
    if unread:
        notes.append(f"The images of {unread} of {len(drawn)} pairs cannot be shown. Open a pair to see the reason.")
    other = 0
    for index, pictures in zip(chosen, drawn, strict=True):
        listed = report.rows[index].scores.get(metric)
        if listed is not None and "score" in pictures:
            other += abs(listed - pictures["score"]) > _AGREES * max(abs(listed), 1e-3)
    if other:
        notes.append(
            f"The maps do not explain the scores of {other} of {len(drawn)} pairs: {metric} gives other scores than "
            "the table for these images. Pass the options and the images of the run that wrote the table."
        )
    return notes
