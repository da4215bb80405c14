"""Lines of comment, and rows that begin with a sign of comment and are none."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from jaxtsad.datasets.reading import frames, tabular

ROWS = {
    "missing in the first column": ("#N/A,2", [np.nan, 2.0]),
    "missing in the last column": ("2,#N/A", [2.0, np.nan]),
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("comment", ["", "# restarted\n", "% later\n", "// 7, 8\n"])
def test_what_a_spreadsheet_cannot_compute_is_no_comment(
    name: str, comment: str, tmp_path: pathlib.Path
) -> None:
    row, expected = ROWS[name]
    path = tmp_path / "a.csv"
    path.write_text(f"a,b\n1,2\n{comment}{row}\n3,4\n")
    values = [[1.0, 2.0], expected, [3.0, 4.0]]
    np.testing.assert_array_equal(tabular.read(path).values, values)
    parts = [piece.values for piece in tabular.chunks(path, 2, time_column=None)]
    np.testing.assert_array_equal(np.concatenate(parts), values)


def test_an_error_in_the_first_column_is_refused_or_declared(
    tmp_path: pathlib.Path,
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n#DIV/0!,3\n3,4\n")
    with pytest.raises(ValueError, match=r"--missing #DIV/0!"):
        tabular.read(path)
    assert len(tabular.read(path, missing=("#DIV/0!",))) == 3


@pytest.mark.parametrize("signs", ["#", "%", "//"])
def test_comments_of_any_sign_stand_above_and_among_rows(
    signs: str, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "a.csv"
    body = f"3,4\n{signs} restarted, again\n" * 3000
    path.write_text(f"{signs} by logger 7\na,b\n1,2\n{body}")
    table = frames.frame(path)
    assert [*table] == ["a", "b"] and len(table) == 3001
    assert table.to_numpy().sum() == 3 + 7 * 3000


def test_text_of_four_bytes_a_sign_is_read(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("a,b\n1,2\n".encode("utf-32"))
    np.testing.assert_array_equal(tabular.read(path).values, [[1.0, 2.0]])
