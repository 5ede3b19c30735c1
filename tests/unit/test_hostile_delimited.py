"""CSV and TSV in every way to write them: what is read is what was written, or the file is refused by name.

The writers here know nothing of the readers: cells are joined by hand. Draws are the same on every machine.
"""

from __future__ import annotations

import re

import pytest
from files import SIGNS, read, same_or_refused, tables, texts
from hostile import cases
from hypothesis import given
from hypothesis import strategies as st

HEADER = ["text", "label"]
QUIET = [sign for sign in SIGNS if not set(sign) & set(',;|\t\n\r"')]
MARKS = [*QUIET, '"', '""', '\\"', '" ', "“"]


def quoted(rows: list[list[str]], separator: str, ends: str, always: bool) -> str:
    """As RFC 4180 says: cells with separators, marks or line ends (or all) between marks, marks in them twice."""

    def cell(value: str) -> str:
        needs = always or value == "" or set(value) & {separator, '"', "\r", "\n"}
        return '"' + value.replace('"', '""') + '"' if needs else value

    return "".join(separator.join(map(cell, row)) + ends for row in rows)


def plain(rows: list[list[str]], separator: str, ends: str = "\n") -> str:
    return "".join(separator.join(row) + ends for row in rows)


DIALECTS = st.tuples(st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["\n", "\n", "\r\n", "\r"]), st.booleans())
FORMS = st.sampled_from(["csv", "csv", "tsv"])


@cases(100)
@given(tables(texts()), DIALECTS, FORMS, st.booleans(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_what_the_study_says_in_full_is_read_as_it_was_written(tmp_path, rows, dialect, form, header, encoding):
    """Refused is one thing alone: lines that end in \\r, beside cells that hold \\n."""
    separator, ends, always = dialect
    data = quoted([*([HEADER] if header else []), *rows], separator, ends, always).encode(encoding)
    said = {"separator": separator, "quoting": True, "encoding": encoding, **({} if header else {"columns": HEADER})}
    file = tmp_path / f"data.{form}"
    taken = same_or_refused(read(file, data, **said), [HEADER, *rows], file)
    assert taken or (ends == "\r" and any("\n" in text for text, _ in rows))


@cases(120)
@given(tables(texts()), DIALECTS, FORMS, st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"]))
def test_what_the_study_does_not_say_is_not_guessed(tmp_path, rows, dialect, form, encoding):
    separator, ends, always = dialect
    file = tmp_path / f"data.{form}"
    data = quoted([HEADER, *rows], separator, ends, always)
    found = read(file, data.encode(encoding))
    if form == "tsv" and '"' in data:  # in TSV a mark is a sign as others: what was written is what stands there
        lines = [line.split("\t") for line in re.split(r"[\r\n]+", data) if line]
        same_or_refused(found, lines, file)
    elif same_or_refused(found, [HEADER, *rows], file):
        assert (separator, encoding[:5]) == ({"csv": ",", "tsv": "\t"}[form], "utf-8")
    elif separator != {"csv": ",", "tsv": "\t"}[form] and encoding.startswith("utf-8") and not always:
        assert re.search(r'write `separator: ".{1,2}"` beside the file|not readable in one way|in the row of line', found[1])


@cases(80)
@given(tables(texts(MARKS)), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_quotation_marks_of_a_tsv_are_signs_as_others(tmp_path, rows, ends, header):
    file = tmp_path / "data.tsv"
    data = plain([*([HEADER] if header else []), *rows], "\t", ends).encode()
    assert same_or_refused(read(file, data, **({} if header else {"columns": HEADER})), [HEADER, *rows], file)


@cases(80)
@given(tables(texts(MARKS)), st.booleans(), st.sampled_from(["text first", "label first", "number"]))
def test_marks_of_a_csv_that_nobody_quoted_merge_no_rows(tmp_path, rows, said, how):
    """A cell that is whole between marks is read without them, as CSV has it, unless the study says that none quotes."""
    rows = [*rows, *[["fine", "neg"], ["poor", "pos"]] * 2]
    rows = [[text, str(n / 8)] if how == "number" else [text, label] for n, (text, label) in enumerate(rows)]
    rows = [row[::-1] for row in rows] if how == "label first" else rows
    bare = [[cell[1:-1].replace('""', '"') if re.fullmatch('"([^"]|"")*"', cell) else cell for cell in row] for row in rows]
    file = tmp_path / "data.csv"
    found = read(file, plain([HEADER, *rows], ",").encode(), **({"quoting": False} if said else {}))
    assert same_or_refused(found, [HEADER, *(rows if said else bare)], file) or not said


@cases(60)
@given(tables(texts(QUIET), fewest=2), st.data(), st.booleans())
def test_rows_between_a_mark_at_the_start_of_one_and_at_the_end_of_another_are_noticed(tmp_path, rows, data, first):
    """Strictly read this is one row with a long text; each of its lines could be one. What the study says is done."""
    start = data.draw(st.integers(0, len(rows) - 2))
    end = data.draw(st.integers(start + 1, len(rows) - 1))
    rows = [row[::-1] for row in rows] if first else rows
    rows[start][1 if first else 0] = '"' + rows[start][1 if first else 0]
    rows[end][1 if first else 0] += '"'
    rows += [["fine", "neg"][:: -1 if first else 1], ["poor", "pos"][:: -1 if first else 1]] * 2  # each label elsewhere too
    file, content = tmp_path / "data.csv", plain([HEADER, *rows], ",").encode()
    _, refusal = read(file, content)
    assert re.search(rf"lines {start + 2} to {end + 2} one row.*write `quoting: true`|in the row of line {start + 2}", refusal), (
        refusal
    )
    assert read(file, content, quoting=False)[0] == [HEADER, *rows]


@cases(60)
@given(tables(texts(QUIET)), st.data(), st.sampled_from([",", "\t"]))
def test_a_row_with_another_number_of_values_is_named_by_its_line(tmp_path, rows, data, separator):
    number = data.draw(st.integers(0, len(rows) - 1))
    more = data.draw(st.booleans())
    rows = [[*row, "x"] for row in rows]
    wrong = [
        row[: 4 if more else data.draw(st.integers(1, 2))] + ["y"] * more if n == number else row for n, row in enumerate(rows)
    ]
    file = tmp_path / f"data.{'csv' if separator == ',' else 'tsv'}"
    table, refusal = read(file, plain([[*HEADER, "more"], *wrong], separator).encode())
    assert table is None
    assert f"{'more' if more else 'fewer'} values than there are columns: line {number + 2} has" in refusal


ENCODINGS = [
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "cp1252",
    "latin-1",
    "shift_jis",
    "gb18030",
    "cp1251",
]


@cases(80)
@given(tables(texts(QUIET)), st.sampled_from(ENCODINGS), st.sampled_from([None, *ENCODINGS]), st.sampled_from(["csv", "tsv"]))
def test_bytes_of_an_encoding_are_read_as_the_study_says_or_refused(tmp_path, rows, encoding, said, form):
    data = plain([HEADER, *rows], "," if form == "csv" else "\t").encode(encoding, "replace")
    written = [line.split("," if form == "csv" else "\t") for line in data.decode(encoding).split("\n")[:-1]]
    file = tmp_path / f"data.{form}"
    table, refusal = read(file, data, **({"encoding": said} if said else {}))
    if said == encoding or (said is None and encoding.startswith("utf-8")):
        assert table == written, refusal
    elif table is None:
        assert re.match(
            rf"{re.escape(str(file))}: (not |holds a NUL|has no byte order mark|its first bytes|.*not readable)", refusal
        ), refusal
    elif said in (None, "utf-8", "utf-8-sig", "utf-16"):  # nothing else passes for these but what is the same in both
        assert table == written


@pytest.mark.parametrize(
    ("name", "content", "said", "message"),
    [
        ("a.csv", "text;label\na;1\n", {}, r'its header is one column, and 2 where a semicolon separates: .text, label.\); write `separator: ";"` beside'),
        ("a.csv", "text\tlabel\na\t1\n", {}, r'2 where a tab separates: .text, label.\); write `separator: "\\t"`'),
        ("a.tsv", "text,label\na,1\n", {}, r'2 where a comma separates: .text, label.\); write `separator: ","`'),
        ("a.csv", "id;text, raw;label\n1;a, b;1\n2;c;0\n", {}, r'if every row has 3 values, write `separator: ";"`'),
        ("a.tsv", 'text\tlabel\n"a\tb"\t1\n', {}, "if every row has 2 values, write `quoting: true` beside"),
        ("a.csv", "sep=;\ntext;label\na;1\n", {}, "its first line, 'sep=;', is Excel's"),
        ("a.csv", "text,label\na,1\n", {"columns": ["text", "label"]}, "its first line is a header.; take `columns` out"),
        ("a.csv", "text,label\na\0b,1\n", {}, r"holds a NUL byte in line 2"),
        ("a.csv", "text,label\n" + 'a,1\n"b,1\n' + "c,0\n" * 3, {}, r"unexpected end of data, in the row of line 3"),
        ("a.csv", 'text,label\n"good" film,1\n', {}, r"'.' expected after '\"', in the row of line 2"),
        ("a.csv", "text,label\na\rb,1\nc,0\n", {}, "new-line character seen in unquoted field"),
        ("a.csv", 'text\n"a\nb"\n', {}, "lines 2 to 3 one row"),
        ("a.csv", b"text,label\nvoil\xe0,1\n", {}, r"not UTF-8 \(byte 0xe0 at 15, line 2\); convert it to UTF-8, or say what it is"),
        ("a.csv", b"\xef\xbb\xbftext\n\x80\n", {"encoding": "cp1252"}, "its first bytes are the mark of UTF-8, the study says cp1252"),
        ("a.csv", "text\na\n".encode("utf-16-le"), {"encoding": "utf-16"}, "has no byte order mark; say which utf-16 it is"),
        ("a.csv", "text\na\n".encode("utf-16"), {}, "not UTF-8 but UTF-16, as its first bytes say; write `encoding: utf-16`"),
    ],
)  # fmt: skip
def test_faults_are_named_with_the_key_to_set(tmp_path, name, content, said, message):
    _, refusal = read(tmp_path / name, content if isinstance(content, bytes) else content.encode(), **said)
    assert re.search(message, refusal), refusal


def test_texts_longer_than_the_limit_of_the_csv_module_are_read(tmp_path):
    rows = [["x" * 200_000, "1"], ["a\nb, c " * 30_000, "0"]]
    data = quoted([HEADER, *rows], ",", "\n", always=False).encode()
    assert read(tmp_path / "a.csv", data)[0] == [HEADER, *rows]


def test_several_lines_in_a_cell_are_a_text_where_no_line_could_be_a_row(tmp_path):
    """The label column tells: no line but the rows has one."""
    rows = [["fine,\nreally, fine", "pos"], ["bad", "neg"], ["so, so", "neg"], ["good", "pos"]]
    data = quoted([HEADER, *rows], ",", "\n", always=False).encode()
    assert read(tmp_path / "a.csv", data)[0] == [HEADER, *rows]
