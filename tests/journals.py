"""A journal of three rows, for the tests of what is made of one."""

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


ORDER = [2, 0, 1]  # in which they are done


def written(out: Path) -> Journal:
    journal = Journal(out, RUN, resume=False, overwrite=False)
    for row in ORDER:
        journal.add(row, ROWS[row])
    journal.close()
    return journal
