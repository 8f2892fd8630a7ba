r"""Text cells of .csv files that no spreadsheet program runs as a formula.

Names in a list can come from an untrusted source. A spreadsheet program runs a cell that starts with `=`, `+`, `-`,
`@`, a tab or a line end as a formula. Such a cell is written with an apostrophe before it, as OWASP advises. A cell
whose first such character follows apostrophes or spaces gets one more apostrophe, so that reading gives back the exact
text. Numbers are no formulas and stay as they are.
"""

from __future__ import annotations

import re
from typing import Any

_STARTS = "=+-@\t\r\n＝＋－＠"  # noqa: RUF001 - the full-width forms are run as formulas too
_BEFORE = "' "
_NUMBER = re.compile(r" *[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)? *")


def escape_cell(value: Any) -> Any:
    """Return a value as it is written to a .csv file.

    Args:
        value: Any value. Only text is changed.

    Returns:
        The text with an apostrophe before it if a spreadsheet program could run it as a formula, or if `unescape_cell`
        would change it. Any other value as it is.

    Example:
        >>> [escape_cell(value) for value in ("=1+1", "'=1+1", "-1.5", "a=b", -1.5)]
        ["'=1+1", "''=1+1", '-1.5', 'a=b', -1.5]
    """
    return f"'{value}" if isinstance(value, str) and _can_run(value) else value


def unescape_cell(text: str) -> str:
    """Return the text of a cell of a .csv file: the inverse of `escape_cell`.

    Args:
        text: The cell as it is in the file.

    Returns:
        The text without the apostrophe that `escape_cell` writes. A cell that it would not write so is returned as it
        is, such as `=1+1` of a list that another program wrote.

    Example:
        >>> [unescape_cell(text) for text in ("'=1+1", "''=1+1", "=1+1", "'a'")]
        ['=1+1', "'=1+1", '=1+1', "'a'"]
    """
    return text[1:] if text.startswith("'") and _can_run(text) else text


def _can_run(text: str) -> bool:
    start = text.lstrip(_BEFORE)[:1]
    return start != "" and start in _STARTS and _NUMBER.fullmatch(text) is None
