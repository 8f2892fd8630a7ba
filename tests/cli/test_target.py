"""`innersight target` with real encoders, and with those that fail."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image
from skimage import data
from tests.cli.conftest import Run

import innersight

PILLOW = "import sys; from PIL import Image; Image.open(sys.argv[1]).save(sys.argv[2], quality=int(sys.argv[3]))"
BY_PILLOW = (sys.executable, "-c", PILLOW, "{input}", "{output}.jpg", "{q}")


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    Image.fromarray(data.coffee()).crop((100, 50, 451, 310)).save(tmp_path / "ref.png")
    return tmp_path / "ref.png"


def encoder(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"NOT RUN: {name} is not installed")
    return found


@pytest.mark.thorough
@pytest.mark.parametrize("score", ["5", "6", "8"])
@pytest.mark.parametrize(
    ("program", "options", "arguments"),
    [
        ("cjxl", ("--min-q", "5"), ("{input}", "{output}", "-q", "{q}")),
        ("cjxl", ("--min-q", "0.1", "--max-q", "10", "--step", "0.1"), ("{input}", "{output}", "-d", "{q}")),
        (
            "avifenc",
            ("--min-q", "0", "--max-q", "63"),
            ("--min", "{q}", "--max", "{q}", "-s", "8", "{input}", "{output}"),
        ),
        ("pillow", (), ()),
    ],
)
def test_a_real_encoder_gives_the_score_in_at_most_eight_encodes(
    run: Run, photograph: Path, program: str, options: tuple[str, ...], arguments: tuple[str, ...], score: str
) -> None:
    command = BY_PILLOW if program == "pillow" else (encoder(program), *arguments)
    result = run("target", score, "ref.png", "--json", "--out", "best.bin", *options, "--", *command)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert len(found["encodes"]) <= 8
    content = (photograph.parent / "best.bin").read_bytes()
    assert found["bytes"] == len(content)
    assert found["score"] == pytest.approx(innersight.score(photograph, content), rel=1e-5)
    if found["status"] == "within tolerance":
        assert found["score"] == pytest.approx(float(score), abs=0.05)
    else:
        assert found["status"] == "nearest"
        step = 0.1 if "--step" in options else 1
        others = [one for one in found["encodes"] if abs(one["q"] - found["q"]) < 1.5 * step and one["q"] != found["q"]]
        assert any((one["score"] - float(score)) * (found["score"] - float(score)) <= 0 for one in others)


@pytest.mark.thorough
def test_the_text_says_setting_score_and_bytes(run_here: Run, photograph: Path) -> None:
    result = run_here("target", "6", "ref.png", "--", *BY_PILLOW)
    assert result.returncode == 0
    assert result.stdout.startswith("q ")
    assert "bytes" in result.stdout
    assert "within tolerance)" in result.stdout
    outside = run_here("target", "0.1", "ref.png", "--", *BY_PILLOW)
    assert outside.returncode == 3
    assert outside.stdout.startswith("q 100 ")
    assert "settings from 1 to 100 do not reach the score 0.1; the nearest encode is shown" in outside.stderr
    stopped = run_here("target", "6", "ref.png", "--max-encodes", "1", "--tolerance", "0", "--", *BY_PILLOW)
    assert (stopped.returncode, "1 encodes did not find" in stopped.stderr) == (3, True)


FAILING = (sys.executable, "-c", "import sys; print('bad setting', file=sys.stderr); sys.exit(7)", "{input}{output}{q}")
SILENT = (sys.executable, "-c", "", "{input}", "{output}", "{q}")
SLOW = (sys.executable, "-c", "import time; time.sleep(60)", "{input}", "{output}", "{q}")
TEXT = (sys.executable, "-c", "import sys; open(sys.argv[1], 'w').write('x')", "{output}", "{input}", "{q}")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--suffix", ".x", "--", *FAILING), "failed at q 25 with exit status 7: bad setting. If the encoder"),
        (("--suffix", ".x", "--", *SILENT), "wrote no file {output} at q 25"),
        (("--suffix", ".x", "--timeout", "0.2", "--", *SLOW), "took more than 0.2 seconds at q 25"),
        (("--suffix", ".x", "--", *TEXT), "is not an image in a supported format"),
        (("--suffix", "x", "--", *TEXT), "--suffix takes a suffix such as .jxl, but got 'x'"),
        (("--", *TEXT), "The suffix of the output of"),
        (("--", "no-such-program", "{input}", "{output}.jpg", "{q}"), "'no-such-program' cannot be started"),
        (("--", "cjxl", "{input}", "{output}"), "but lacks {q}"),
        (("--min-q", "9", "--max-q", "3", "--", *BY_PILLOW), "`highest` must be at least `lowest`"),
        (("--out", "none/a.jpg", "--", *BY_PILLOW), "there is no folder 'none'"),
    ],
)
def test_what_fails_is_one_line_and_status_2(
    run_here: Run, photograph: Path, arguments: tuple[str, ...], message: str
) -> None:
    before = set(photograph.parent.iterdir())
    result = run_here("target", "6", "ref.png", *arguments)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1), result.stderr
    assert message in result.stderr
    assert set(photograph.parent.iterdir()) == before
