"""Would two metrics agree with people better together? SRCC of the mean of every two metrics' scores.

    python research/combinations.py SCORES.csv [SCORES.csv ...]

The tables are what `innersight bench` writes (`scores.csv`), of one data set, so that scores of networks whose weights
come from different files can meet. Meant for scores on one scale, such as those of `lite` and `vit`.
"""

from __future__ import annotations

import argparse
import csv
import itertools
from pathlib import Path

import numpy as np

from innersight.evaluation.correlation import srcc


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path, nargs="+")
    parser.add_argument("--opinion-direction", choices=("higher-is-better", "lower-is-better"), required=True)
    arguments = parser.parse_args()
    scores: dict[str, np.ndarray] = {}
    for table in arguments.tables:
        with table.open(newline="") as file:
            rows = list(csv.DictReader(file))
        opinions = np.array([float(row["opinion"]) for row in rows])
        for column in rows[0]:
            if column == "score" or column.startswith("score_"):
                # A table of one metric has the plain column; the folder then says which it is.
                name = column.removeprefix("score").removeprefix("_") or table.parent.name
                scores[name] = np.array([float(row[column]) for row in rows])
    agreed = opinions if arguments.opinion_direction == "lower-is-better" else -opinions
    for names in (*itertools.combinations(scores, 1), *itertools.combinations(scores, 2)):
        print(f"{srcc(np.mean([scores[name] for name in names], axis=0), agreed):.4f}  {' + '.join(names)}")


if __name__ == "__main__":
    main()
