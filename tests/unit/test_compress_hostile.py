"""Files and places that a newcomer may bring to `edgemin compress`: each works, or is refused with one line that names an option of the command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from compressing import bert_folder, classes_csv, sentences, write_csv

from edgemin.cli.main import main
from edgemin.compressing import speeds, timing
from edgemin.compressing.command import _head
from edgemin.compressing.encoder import packaged
from edgemin.compressing.inputs import counted, look
from edgemin.compressing.language import not_latin
from edgemin.compressing.request import Request
from edgemin.core.errors import EdgeminError

ROWS = sentences(("bad", "good"), 300)


def request(data, **options) -> Request:
    return Request(**{"data": str(data), "text": ("text",), "label": "label", "max_drop": 5, **options})


def refused(asked: Request) -> str:
    with pytest.raises(EdgeminError) as raised:
        look(asked)
    said = str(raised.value)
    assert said.isprintable()
    assert " in the study" not in said, "there is none yet"
    assert "beside" not in said
    return said


def lines(separator: str = ",", rows=ROWS, header: str = "text,label") -> str:
    return "\n".join([header.replace(",", separator), *(separator.join(row) for row in rows)]) + "\n"


def written(tmp_path: Path, content: str | bytes, name: str = "a.csv") -> Path:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


# -- how a file is written -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [";", "\t", "|"])
def test_another_separator_is_named_as_an_option_that_then_works(tmp_path, sign):
    """A shell hands over a tab as a backslash and a letter."""
    data, shown = written(tmp_path, lines(sign)), {"\t": "\\t"}.get(sign, sign)
    assert refused(request(data)).endswith(f'give --separator "{shown}"')
    assert look(request(data, separator=shown)).rows == look(request(data, separator=sign)).rows


def test_excels_own_first_line(tmp_path):
    data = written(tmp_path, "sep=;\r\n" + lines(";"))
    assert refused(request(data)).endswith("is Excel's); remove it, and give --separator")


def test_a_byte_order_mark_is_none_of_the_text(tmp_path):
    assert look(request(written(tmp_path, b"\xef\xbb\xbf" + lines().encode()))).rows["train"] == 180
    data = written(tmp_path, lines().encode("utf-16"))
    assert refused(request(data)).endswith("give --encoding utf-16, or convert it")
    assert look(request(data, encoding="utf-16")).rows["train"] == 180


def test_windows_1252(tmp_path):
    data = written(tmp_path, lines(rows=[(f"{text} café", label) for text, label in ROWS]).encode("cp1252"))
    assert refused(request(data)).endswith("convert it to UTF-8, or say what it is, for example --encoding cp1252")
    assert look(request(data, encoding="cp1252")).rows["train"] == 180
    assert refused(request(data, encoding="ascii")).endswith("correct --encoding, or convert it to UTF-8")
    assert "encoding: " in refused(request(data, encoding="klingon"))


def test_a_text_of_several_lines_in_quotes(tmp_path):
    """Where each line could be a row of its own somebody has to say what it is."""
    rows = [(f"{text}\nand a second line", label) for text, label in ROWS]
    assert look(request(write_csv(tmp_path / "clear.csv", ["text", "label"], rows))).rows["train"] == 180
    data = written(tmp_path, lines() + '"stray,good\none,bad\nend",good\n')
    said = refused(request(data))
    assert "--quoting true" in said
    assert "--quoting false" in said


@pytest.mark.parametrize(("option", "value"), [("separator", ""), ("separator", ";;"), ("encoding", ""), ("encoding", "no such")])
def test_an_option_of_the_file_that_is_none(tmp_path, option, value):
    said = refused(request(written(tmp_path, lines()), **{option: value}))
    assert said.startswith(f"{tmp_path}/a.csv: {option}: ")


# -- what is in it -------------------------------------------------------------------------------------------------------


def test_empty_texts_are_counted(tmp_path):
    data = write_csv(tmp_path / "a.csv", ["text", "label"], [*ROWS, ("", "good"), ("  ", "bad")])
    assert refused(request(data)).endswith("column 'text': 2 empty texts, the first in data row 301; remove those rows")


def test_a_class_of_two_rows_is_one_to_train_on(tmp_path):
    """A single row is refused: test_compress_inputs.py."""
    rows = [*ROWS, ("a text of its own", "rare"), ("and another one", "rare")]
    found = look(request(write_csv(tmp_path / "a.csv", ["text", "label"], rows)))
    assert found.task["label_names"] == ["bad", "good", "rare"]
    assert sum(found.rows.values()) == 302


def test_the_same_texts_again_and_again(tmp_path):
    data = write_csv(tmp_path / "a.csv", ["text", "label"], ROWS[:20] * 15)
    assert refused(request(data)).endswith("remove repeated texts from the files, or correct the text column")


def test_more_classes_than_rows_to_choose_on(tmp_path):
    """45 classes, and a fifth of 200 rows."""
    many = [(text, f"class {number % 45}") for number, (text, _) in enumerate(ROWS[:200])]
    said = refused(request(write_csv(tmp_path / "a.csv", ["text", "label"], many)))
    assert said.endswith("fewer rows than the 45 classes; give more rows")


def test_ratings_are_classes_unless_there_are_many(tmp_path):
    rated = [(text, number % 5 / 2) for number, (text, _) in enumerate(ROWS)]
    assert look(request(write_csv(tmp_path / "a.csv", ["text", "label"], rated))).task["label_names"] == [
        "0",
        "1",
        "2",
        "0.5",
        "1.5",
    ]


def test_a_column_that_appears_twice(tmp_path):
    for column in ("text", "label"):
        rows = [(*row, row[0]) for row in ROWS]
        data = write_csv(tmp_path / "a.csv", ["text", "label", column], rows)
        assert refused(request(data)) == f"{data}: column '{column}' appears twice; drop or rename one"


@pytest.mark.parametrize("labels", [("bad", "bad"), ("bad",), ("", "good"), ("bad", "fine")])
def test_labels_that_are_none(tmp_path, labels):
    assert "label" in refused(request(classes_csv(tmp_path, ("bad", "good")), labels=labels))


def test_a_text_of_a_hundred_thousand_characters_counts_as_it_is_read(tmp_path):
    """300 texts of seven tokens and one of 128, all that is read of it."""
    long = "word " * 20_000
    rows = [*ROWS, (long, "good")]
    assert look(request(write_csv(tmp_path / "a.csv", ["text", "label"], rows))).tokens < 11
    assert counted([["a b", long]], packaged())[0] == pytest.approx(2 + (2 * 1.11 + 128) / 2)
    model = bert_folder(tmp_path / "model", None)
    assert look(request(write_csv(tmp_path / "a.csv", ["text", "label"], rows), model=model)).tokens < 11


def test_other_scripts_are_read_and_a_line_says_that_the_encoder_is_of_english(tmp_path):
    """Half Latin, half Arabic; an accent is Latin, an emoji no letter."""
    assert not_latin(["abc", "سلام"]) == pytest.approx(4 / 7)
    assert not_latin(["café 😀😀😀", "..."]) == 0
    chinese = [(f"{text} 这部电影非常好看我很喜欢它的故事 😀", label) for text, label in ROWS]
    found = look(request(write_csv(tmp_path / "a.csv", ["text", "label"], chinese)))
    assert found.notes[0].endswith("of English texts: --model takes one of another language")
    assert counted([["电影 好看 a"]], packaged())[0] == pytest.approx(2 + 1.11 * 5), "Chinese characters are words each"
    assert look(request(classes_csv(tmp_path))).notes == ()


def test_a_vocabulary_without_the_words_of_the_texts(tmp_path):
    model = bert_folder(tmp_path / "model", None)
    arabic = [(f"مرحبا بالعالم {number}", label) for number, (_, label) in enumerate(ROWS)]
    found = look(request(write_csv(tmp_path / "a.csv", ["text", "label"], arabic), model=model))
    assert found.notes == (f"100 % of the tokens are not in the vocabulary of {model}: is it of another language?",)
    assert look(request(classes_csv(tmp_path), model=model)).notes == ()


def test_classes_of_which_hardly_a_row_is_held_out_are_named(tmp_path):
    """Two and six rows beside 300: one of three to choose on, say."""
    rows = [*ROWS, *((f"rare {number}", "rare") for number in range(2)), *((f"some {number}", "some") for number in range(6))]
    (said,) = look(request(write_csv(tmp_path / "a.csv", ["text", "label"], rows))).notes
    found = re.fullmatch(
        r"classes with few rows held out \(train \+ choose \+ report\): rare \(([\d +]+)\), some \(([\d +]+)\): how .* merge or remove them",
        said,
    )
    assert [sum(map(int, counts.split(" + "))) for counts in found.groups()] == [2, 6]
    many = [*ROWS, *((f"rare {number}", f"rare{number % 9}") for number in range(54))]
    (said,) = look(request(write_csv(tmp_path / "b.csv", ["text", "label"], many))).notes
    assert "rare4 (" in said
    assert "rare5" not in said
    assert " and 4 more: how" in said


# -- where it goes -------------------------------------------------------------------------------------------------------


def command(data: str, *more: str) -> int:
    return main(["compress", "--data", data, "--text", "text", "--label", "label", "--max-drop", "5", *more])


def test_a_folder_that_cannot_be_made_or_written_is_told_before_anything_is_timed(tmp_path, monkeypatch, capsys):
    monkeypatch.delattr(timing, "measure")
    monkeypatch.delattr(speeds, "measure")
    data = classes_csv(tmp_path)
    assert command(data, "--out", f"{data}/out") == 2
    assert capsys.readouterr().err == f"error: --out: {data}/out cannot be made, since {data} is a file; name another folder\n"
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert command(data, "--out", f"{tmp_path}/new") == 2
    assert (
        capsys.readouterr().err
        == f"error: --out: {tmp_path}/new cannot be written, since {tmp_path} may not be; name another folder\n"
    )


def test_a_column_with_a_line_end_stays_in_a_comment(tmp_path):
    """The head of the study is comments alone, whatever the columns are called."""
    head = _head(request("a.csv", text=("text\nstudy: other",)))
    assert all("\n" not in one for one in head)
    assert yaml.safe_load("".join(f"# {one}\n" for one in head)) is None


def test_a_path_with_braces(tmp_path):
    data = written(tmp_path, lines(), "{a}.csv")
    assert refused(request(data)).endswith("(braces are Snakemake's wildcards); rename the file or folder")
