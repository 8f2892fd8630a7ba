"""The command `innersight plot`."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from tests.cli.conftest import Run

from innersight import Scorer
from innersight.cli.plot import parse_length
from innersight.errors import ArgumentError

ROWS = [(1, 9, "jpeg"), (2, 8, "blur"), (3, 6, "jpeg"), (4, 7, "blur"), (5, 5, "jpeg"), (6, 4, "blur"), (7, 2, "blur")]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """scores.csv with the columns of `innersight bench`, of two metrics."""
    lines = ["reference,distorted,opinion,kind,score_lite,score_psnr,error"]
    lines += [
        f"r{row % 3}.png,d{row}.png,{mos},{kind},{dist},{50 - dist}," for row, (dist, mos, kind) in enumerate(ROWS)
    ]
    (tmp_path / "scores.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "scores.csv"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Return the list of the figures that the command saves."""
    from innersight.report.figures import output

    figures: list[Figure] = []
    save = output.save_figure

    def keep(figure: Figure, path: Path) -> None:
        figures.append(figure)
        save(figure, path)

    monkeypatch.setattr(output, "save_figure", keep)
    return figures


def check_refused(done: subprocess.CompletedProcess[str], said: str) -> None:
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


COLUMNS = ("--score", "score_lite", "--opinion-direction", "higher-is-better")


@pytest.mark.thorough
@pytest.mark.parametrize(("suffix", "magic"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_scatter_writes_each_format(run: Run, table: Path, tmp_path: Path, suffix: str, magic: bytes) -> None:
    done = run("plot", "scatter", "scores.csv", *COLUMNS, "--out", f"fig.{suffix}")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"figure: fig.{suffix}\n"
    assert (tmp_path / f"fig.{suffix}").read_bytes().startswith(magic)


def test_scatter_draws_the_columns(run_here: Run, table: Path, drawn: list[Figure]) -> None:
    done = run_here("plot", "scatter", "scores.csv", *COLUMNS, "--out", "fig.svg", "--opinion-label", "MOS", "--width", "60mm")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (figure,) = drawn
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("lite", "MOS")
    assert axes.texts[0].get_text().startswith("SRCC 0.964")  # by hand: 1 - 6 * 2 / (7 * 48)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["blur", "jpeg"]
    assert figure.get_figwidth() == pytest.approx(60 / 25.4)
    points = np.concatenate([line.get_xydata() for line in axes.lines[:2]])
    assert sorted(map(tuple, points.tolist())) == [(dist, mos) for dist, mos, _ in ROWS]


def test_scatter_uses_the_direction_of_a_similarity(run_here: Run, table: Path, drawn: list[Figure]) -> None:
    arguments = ("--score", "score_psnr", "--opinion-direction", "higher-is-better", "--out", "fig.svg")
    run_here("plot", "scatter", "scores.csv", *arguments, "--score-direction", "higher-is-better")
    run_here("plot", "scatter", "scores.csv", *arguments)
    assert [figure.axes[0].texts[0].get_text().split()[1] for figure in drawn] == ["0.964", "-0.964"]


def test_the_direction_of_opinions_can_be_a_column(
    run_here: Run, table: Path, tmp_path: Path, drawn: list[Figure]
) -> None:
    header, *lines = table.read_text().splitlines()
    rows = [f"{header},opinion_direction", *(f"{line},higher-is-better" for line in lines)]
    (tmp_path / "directed.csv").write_text("\n".join(rows) + "\n")
    assert run_here("plot", "scatter", "directed.csv", "--score", "score_lite", "--out", "fig.svg").returncode == 0
    assert drawn[0].axes[0].texts[0].get_text().startswith("SRCC 0.964")


def test_rows_that_are_not_drawn_are_counted(run_here: Run, table: Path, tmp_path: Path) -> None:
    table.write_text(table.read_text().replace("jpeg,1,", "jpeg,,").replace("blur,2,", "blur,inf,"))
    done = run_here("plot", "scatter", "scores.csv", *COLUMNS, "--out", "fig.svg")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "innersight: note: 2 of 7 rows are not drawn: no finite score or no opinion.\n"


def test_many_kinds_have_one_colour_unless_they_are_asked_for(
    run_here: Run, tmp_path: Path, drawn: list[Figure]
) -> None:
    rows = "".join(f"{row},{-row},k{row}\n" for row in range(40))
    (tmp_path / "many.csv").write_text(f"score,opinion,kind\n{rows}")
    arguments = ("plot", "scatter", "many.csv", "--opinion-direction", "higher-is-better", "--out", "fig.svg")
    done = run_here(*arguments)
    assert done.stderr == "innersight: note: the column kind has 40 values; all rows have one colour.\n"
    assert drawn[0].legends == []
    check_refused(run_here(*arguments, "--kind", "kind"), "`kinds` must have at most 28 different values, but has 40")


def results(folder: Path, name: str, value: float) -> Path:
    estimate = {"value": value, "low": value - 0.1, "high": value + 0.05}
    metrics = {metric: {"overall": {"srcc": estimate, "krcc": estimate}} for metric in ("lite", "psnr")}
    folder.mkdir()
    content = {"dataset": {"name": name}, "outcomes": [{"perturbation": "none", "metrics": metrics}]}
    (folder / "results.json").write_text(json.dumps(content))
    return folder / "results.json"


def test_compare_draws_a_panel_for_each_file(run_here: Run, tmp_path: Path, drawn: list[Figure]) -> None:
    files = [results(tmp_path / folder, "opinions", value) for folder, value in (("live", 0.9), ("tid", 0.8))]
    done = run_here("plot", "compare", *files, "--out", "fig.svg", "--statistic", "krcc", "--metric", "psnr")
    assert done.returncode == 0, done.stderr
    assert [axes.get_title() for axes in drawn[0].axes] == ["live", "tid"]  # the names of the data sets are equal
    assert [float(axes.lines[1].get_xdata()[0]) for axes in drawn[0].axes] == [0.9, 0.8]
    assert drawn[0].get_supxlabel() == "KRCC, 95 % interval"
    run_here("plot", "compare", *files, "--out", "fig.svg", "--label", "LIVE", "--label", "TID2013")
    assert [axes.get_title() for axes in drawn[1].axes] == ["LIVE", "TID2013"]


@pytest.mark.thorough
def test_layers_draws_an_output_of_batch_with_its_names(
    run_here: Run, files: Path, tmp_path: Path, drawn: list[Figure]
) -> None:
    photograph = Image.open(files / "ref.png")
    for quality in (5, 20, 50, 90):
        photograph.save(tmp_path / f"{quality}.jpg", quality=quality)
    lines = [f"ref.png,{quality}.jpg,{quality}" for quality in (5, 20, 50, 90)]
    (tmp_path / "list.csv").write_text("\n".join(["reference,distorted,mos", *lines]) + "\n")
    assert run_here("batch", "list.csv", "--per-layer", "--out", "scores.csv").returncode == 0
    arguments = ("--opinion", "mos", "--opinion-direction", "higher-is-better", "--out", "fig.svg")
    done = run_here("plot", "layers", "scores.csv", *arguments)
    assert done.returncode == 0, done.stderr
    ticks = [label.get_text() for label in drawn[0].axes[0].get_xticklabels()]
    assert ticks == [name.removeprefix("layer ") for name in Scorer("lite").layer_names]
    whole, curve = drawn[0].axes[0].lines[:2]
    assert whole.get_ydata()[0] == 1.0  # the score falls with the quality
    assert max(curve.get_ydata()) <= 1.0
    (tmp_path / "scores.csv.run.json").unlink()
    assert run_here("plot", "layers", "scores.csv", *arguments).returncode == 0
    assert [label.get_text() for label in drawn[1].axes[0].get_xticklabels()] == list("012345")


def test_layers_reads_the_parts_of_one_of_several_metrics(run_here: Run, tmp_path: Path, drawn: list[Figure]) -> None:
    rows = [
        {"opinion": 9 - row, "per_layer_a": [row, -row], "score_a": row, "reference": f"r{row}"} for row in range(4)
    ]
    (tmp_path / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "scores.jsonl.run.json").write_text(
        json.dumps({"run": {"metrics": {"a": {"per_layer": ["layer 3", "chroma"]}, "b": {}}}})
    )
    arguments = ("--opinion-direction", "higher-is-better", "--out", "fig.svg", "--resamples", "0")
    done = run_here("plot", "layers", "scores.jsonl", "--parts", "per_layer_a", *arguments)
    assert done.returncode == 0, done.stderr
    assert [label.get_text() for label in drawn[0].axes[0].get_xticklabels()] == ["3", "chroma"]
    assert [float(line.get_ydata()[0]) for line in drawn[0].axes[0].lines] == [1.0, 1.0, -1.0]


@pytest.mark.thorough
def test_map_shows_the_score_of_the_command_score(run_here: Run, files: Path, drawn: list[Figure]) -> None:
    arguments = ("ref.png", "dis.jpg", "--ignore", "0,0,200,100", "--crop-border", "8")
    score = json.loads(run_here("score", *arguments, "--json").stdout)["score"]
    done = run_here("plot", "map", *arguments, "--out", "fig.png", "--top", "3")
    assert done.returncode == 0, done.stderr
    panel = drawn[0].axes[2]
    assert panel.get_title() == f"map, score {score:.2f}"
    values = np.asarray(panel.images[0].get_array())
    assert values.shape == (300, 451)
    assert values[:100, :200].max() == 0 < values[150:, 250:].max()
    assert panel.images[0].get_clim() == (0, 3)
    assert drawn[0].axes[3].get_ylabel() == "lite score before pooling"
    with Image.open(files / "fig.png") as image:
        assert image.width == round(7.16 * 300)


@pytest.mark.thorough
def test_map_takes_changes_of_the_configuration(run_here: Run, files: Path, drawn: list[Figure]) -> None:
    done = run_here("plot", "map", "ref.png", "dis.jpg", "--out", "fig.svg", "--set", "terms.moments.weight=0")
    assert done.returncode == 0, done.stderr
    score = Scorer("lite", changes={"terms.moments.weight": 0})(files / "ref.png", files / "dis.jpg")
    assert drawn[0].axes[2].get_title() == f"map, score {score:.2f}"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("scatter", "scores.csv", *COLUMNS, "--out", "fig.gif"), "must end in .pdf, .svg or .png, but got 'fig.gif'"),
        (("scatter", "scores.csv", *COLUMNS, "--out", "no/fig.pdf"), "The folder 'no' of the figure does not exist"),
        (("scatter", "no.csv", *COLUMNS, "--out", "fig.pdf"), "No such list: 'no.csv'"),
        (
            ("scatter", "scores.csv", "--out", "fig.pdf"),
            "line 2: no column 'score'. Name one of the columns (reference",
        ),
        (
            ("scatter", "scores.csv", "--score", "score_lite", "--out", "fig.pdf"),
            "add a column `opinion_direction`, or pass --opinion-direction",
        ),
        (
            ("scatter", "scores.csv", *COLUMNS, "--out", "fig.pdf", "--score-direction", "up"),
            "`--score-direction` must be one of (higher-is-better, lower-is-better), but got 'up'",
        ),
        (
            ("scatter", "scores.csv", *COLUMNS, "--out", "fig.pdf", "--width", "89"),
            "Option --width takes a length of 2in to 20in (51mm to 508mm), such as 3.5in or 89mm, but got '89'",
        ),
        (("scatter", "scores.csv", *COLUMNS[:1], "kind", *COLUMNS[2:], "--out", "f.pdf"), "'kind' must be a number"),
        (("scatter", "two.csv", *COLUMNS, "--out", "fig.pdf"), "at least 3 rows with a score and an opinion"),
        (("layers", "scores.csv", *COLUMNS[2:], "--out", "fig.pdf"), "line 2: no column 'per_layer'"),
        (
            ("layers", "scores.csv", *COLUMNS[2:], "--out", "fig.pdf", "--parts", "score_lite"),
            "line 2: 'score_lite' must be a list of numbers, as `innersight batch --per-layer` writes it, but got '1'",
        ),
        (("compare", "scores.csv", "--out", "fig.pdf"), "The results 'scores.csv' cannot be read"),
        (("compare", "no.json", "--out", "fig.pdf"), "The results 'no.json' cannot be read: No such file or directory"),
        (
            ("compare", "a", "b", "--label", "A", "--out", "fig.pdf"),
            "once for each of the 2 files, but is given 1 times",
        ),
        (("map", "ref.png", "dis.jpg", "--out", "fig.jpg"), "must end in .pdf, .svg or .png, but got 'fig.jpg'"),
        (("map", "ref.png", "dis.jpg", "--out", "ref.png"), "The figure would replace the input 'ref.png'"),
        (("map", "ref.png", "dis.jpg", "--out", "f.pdf", "--top", "0"), "Option --top takes a number above 0"),
        (("map", "ref.png", "other.png", "--out", "f.pdf"), "The images differ in size"),
        (("map", "ref.png", "text.png", "--out", "f.pdf"), "'text.png'"),
        (("map", "ref.png", "dis.jpg", "--out", "f.pdf", "--width", "2in"), "`width` must be 3 to 20 inches"),
    ],
)
def test_errors_are_one_line_and_write_no_file(
    run_here: Run, table: Path, files: Path, arguments: tuple[str, ...], said: str
) -> None:
    (files / "two.csv").write_text("".join(table.read_text().splitlines(keepends=True)[:3]))
    before = {path.name: path.stat().st_mtime_ns for path in files.iterdir()}
    check_refused(run_here("plot", *arguments), said)
    assert {path.name: path.stat().st_mtime_ns for path in files.iterdir()} == before


@pytest.mark.parametrize(("text", "inches"), [("3.5in", 3.5), ("88.9mm", 3.5), (" 2 in ", 2.0), ("508mm", 20.0)])
def test_lengths_are_read(text: str, inches: float) -> None:
    assert parse_length(text) == pytest.approx(inches)


@pytest.mark.parametrize("text", ["", "3.5", "3.5cm", "1in", "21in", "-3in", "nanin", "\u0663in"])
def test_other_lengths_are_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=f"such as 3.5in or 89mm, but got {re.escape(repr(text))}"):
        parse_length(text)
