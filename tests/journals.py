"""A journal of three rows, for the tests of the journal and of the result writer."""

from __future__ import annotations

from pathlib import Path

from innersight.inference.extractor import RowScore
from innersight.inference.journal import Journal

RUN = {"list": "sha256:1", "metrics": {"lite": {"layers": [0, 1], "weights": {"digest": "sha256:a"}}}}
ROWS = [
    RowScore({"lite": 0.1}, {}, None),
    RowScore({}, {}, 'can\'t: "quoted"\nline'),
    RowScore({"lite": 1 / 3}, {}, None),
]
STATES = [(10, 1, 20, 2), (10, 1, None, None), (10, 1, 30, 3)]
"""Size and modification time of the reference and of the distorted image of each row."""

ORDER = [2, 0, 1]
"""The order in which the rows are finished."""


def written(out: Path) -> Journal:
    """Return a closed journal with all rows."""
    journal = Journal(out, RUN, resume=False, overwrite=False)
    for row in ORDER:
        journal.add(row, ROWS[row], STATES[row])
    journal.close()
    return journal
