"""What `edgemin compress` says of options, data files and models before anything is written: one line each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from compressing import bert_folder, classes_csv, pairs_csv, sentences, write_csv

from edgemin.cli.main import main
from edgemin.compressing.encoder import CONFIG, PACKAGED, Encoder, given, packaged
from edgemin.compressing.inputs import counted, look
from edgemin.compressing.request import Request, recommend
from edgemin.core.errors import EdgeminError
from edgemin.study.read import read_study

ROOT = Path(__file__).parents[2]


def request(data, text=("text",), **options):
    return Request(**{"data": data, "text": text, "label": "label", "max_drop": 3, **options})


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    return classes_csv(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A fine-tuned one, whose outputs are not in alphabetical order."""
    return bert_folder(tmp_path_factory.mktemp("model") / "bert", ("so", "good", "bad"))


# -- options -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_mb": 0}, "--max-mb: 0 can be met by nothing; give a number above 0"),
        ({"max_mb": "10"}, "--max-mb: '10' is no number; give one above 0"),
        ({"max_mb": float("nan")}, "--max-mb: nan can be met by nothing; give a number above 0"),
        ({"max_p90_ms": -1.0}, "--max-p90-ms: -1 can be met by nothing; give a number above 0"),
        ({"minutes": 0}, "--minutes: 0 can be met by nothing; give a number above 0"),
        ({"max_length": 7}, "--max-length: 7; give a whole number of tokens, 8 or more"),
        ({"max_length": 7.5}, "--max-length: 7.5; give a whole number of tokens, 8 or more"),
        ({"max_drop": 101}, "--max-drop: 101; give points of the metric, from 0 to 100"),
        ({"max_drop": "1"}, "--max-drop: '1'; give points of the metric, from 0 to 100"),
        ({"cores": 1.5}, "--cores: 1.5; give a whole number of cores, 1 or more"),
        ({"cores": 0}, "--cores: 0; give a whole number of cores, 1 or more"),
        ({"by": "luck"}, "--by: 'luck' is not one of bound, estimate, interval"),
        ({"prefer": "luck"}, "--prefer: 'luck' is not one of latency, bytes, quality"),
        ({"metric": "luck"}, "--metric: 'luck' is not known; known: accuracy, macro_f1, matthews, pearson, spearman"),
        ({"metric": "spearman", "labels": ("a", "b")}, "--labels: spearman is of a number, which has no classes; leave them out"),
        ({"text": ("label",)}, "--label: 'label' is the text, too; name the column of the labels"),
        ({"text": ("text", "text")}, "--text: text, text; name one column, and with --pair another one"),
    ],
)
def test_an_option_that_cannot_be_met(options, said):
    with pytest.raises(EdgeminError) as raised:
        request("data.csv", **options)
    assert str(raised.value) == said


def test_limits_as_the_study_has_them():
    """Points are hundredths, megabytes 10^6 bytes."""
    assert recommend(request("a.csv", max_mb=7.5, max_drop=1.5, max_p90_ms=3, by="interval")) == {
        "max_accuracy_drop": 0.015,
        "bound": "interval",
        "max_bytes": 7_500_000,
        "max_p90_ms": 3.0,
        "prefer": "latency",
    }
    assert recommend(request("a.csv", max_drop=None, prefer="bytes")) == {"prefer": "bytes"}


@pytest.mark.parametrize(
    ("out", "name"), [("out/My Data-2", "my_data_2"), ("out/3rd", "study_3rd"), ("", "reviews"), ("out/ü", "study")]
)
def test_the_study_is_called_after_its_folder(out, name):
    assert request("data/reviews.csv.gz", out=out).name == name


# -- data ----------------------------------------------------------------------------------------------------------------


def refused(asked) -> str:
    with pytest.raises(EdgeminError) as raised:
        look(asked)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_column_that_is_not_there(texts):
    assert (
        refused(request(texts, label="class"))
        == f"{texts}: no column 'class'; it has: text, label. Name one of them with --label"
    )
    assert refused(request(texts, ("words",))) == f"{texts}: no column 'words'; it has: text, label. Name one of them with --text"
    assert refused(request(texts, ("text", "other"))).endswith("Name one of them with --pair")


def test_twenty_rows_one_class_and_no_file(tmp_path):
    few = write_csv(tmp_path / "few.csv", ["text", "label"], sentences(("bad", "good"), 20))
    assert refused(request(few)).startswith(f"{few}: 20 rows; at least 200 are needed: ")
    one = write_csv(tmp_path / "one.csv", ["text", "label"], sentences(("bad",), 300))
    assert refused(request(one)) == f"{one}: column 'label' has one value only ('bad'); rows of at least two are needed"
    assert refused(request(str(tmp_path / "no.csv"))).startswith(f"--data: no file {tmp_path}/no.csv; ")
    (tmp_path / "a.xyz").write_text("a", encoding="utf-8")
    assert refused(request(str(tmp_path / "a.xyz"))).startswith(f"{tmp_path}/a.xyz: ")


def test_numbers_in_place_of_classes(tmp_path):
    rows = [(f"{text} {number}", number / 7) for number, (text, _) in enumerate(sentences(("bad", "good"), 300))]
    data = write_csv(tmp_path / "numbers.csv", ["text", "label"], rows)
    assert refused(request(data)).startswith(
        f"{data}: column 'label' has 300 different numbers; for values in place of classes add --metric"
    )
    assert look(request(data, metric="pearson")).classes == 1


def test_a_row_of_a_class_alone(tmp_path):
    rows = [*sentences(("bad", "good"), 300), ("a text of its own", "rare")]
    data = write_csv(tmp_path / "rare.csv", ["text", "label"], rows)
    assert refused(request(data)).startswith(f"{data}: splits.test and splits.validation: class 'rare' has 1 row")


@pytest.mark.parametrize(("by", "least"), [("bound", "2.68"), ("interval", "6.15")])
def test_a_limit_below_what_so_many_rows_can_show(texts, by, least):
    """100 ln 5 / 60 and 100 ln 40 / 60 points, of 60 validation rows."""
    assert refused(request(texts, max_drop=1, by=by)).endswith(
        f"of a drop is at least {least} points, even where no answer differs; give more rows, a larger --max-drop, or --by estimate"
    )
    assert look(request(texts, max_drop=1, by="estimate")).rows == {"train": 180, "validation": 60, "test": 60}
    assert look(request(texts, max_drop=None)).rows["validation"] == 60


def test_the_command_ends_with_2_and_writes_nothing(texts, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["compress", "--data", texts, "--text", "text", "--label", "class"]) == 2
    assert capsys.readouterr().err == f"error: {texts}: no column 'class'; it has: text, label. Name one of them with --label\n"
    assert list(tmp_path.iterdir()) == []


# -- kinds of tasks ------------------------------------------------------------------------------------------------------


def test_what_is_known_of_three_classes(texts):
    """180 texts to train on have seven tokens by words (1.11 each, and two more). They use 24 words: 10 things, 12 adjectives, "the" and "and"."""
    found = look(request(texts))
    assert found.task["label_names"] == ["bad", "good", "so"]
    assert (found.classes, found.pieces, found.tokens) == (3, 2024, pytest.approx(2 + 1.11 * 6))
    assert (found.task["max_length"], found.teacher.finetuned) == (128, False)


def test_what_is_known_of_pairs(tmp_path, model):
    """Both texts count; by the model's own tokenizer with its special tokens."""
    found = look(request(pairs_csv(tmp_path), ("one", "two")))
    assert (found.task["text"], found.task["label_names"]) == (["one", "two"], ["other", "same"])
    assert found.tokens == pytest.approx(2 + 2 * 1.11 * 6)
    assert look(request(pairs_csv(tmp_path, numbers=True), ("one", "two"), metric="spearman")).classes == 1


# -- models --------------------------------------------------------------------------------------------------------------


def test_a_fine_tuned_model_gives_the_order_of_the_classes(texts, model):
    found = look(request(texts, model=model))
    assert found.task["label_names"] == ["so", "good", "bad"]
    assert found.teacher.finetuned
    assert found.task["max_length"] == 64, "its positions"
    assert found.tokens == 6 + 2
    assert found.pieces == 24 + 2 + 26, "words, [CLS] and [SEP], letters, which a cut keeps"


def test_models_that_are_none(texts, model, tmp_path):
    assert refused(request(texts, model=str(tmp_path / "no"))).startswith(
        f"--model: no folder {tmp_path}/no; name one with config.json"
    )
    (tmp_path / "empty").mkdir()
    assert refused(request(texts, model=str(tmp_path / "empty"))).startswith(f"--model: {tmp_path}/empty has no config.json")
    gpt = Path(shutil.copytree(model, tmp_path / "gpt"))
    config = json.loads((gpt / "config.json").read_text(encoding="utf-8"))
    (gpt / "config.json").write_text(json.dumps({**config, "model_type": "gpt2"}), encoding="utf-8")
    assert refused(request(texts, model=str(gpt))).startswith(
        f"{gpt}/config.json: model_type 'gpt2' is not supported; known families: bert, "
    )
    (gpt / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (gpt / "model.safetensors").unlink()
    assert refused(request(texts, model=str(gpt))).startswith(f"--model: {gpt} has no model.safetensors (pickled")


def test_outputs_that_are_other_than_the_classes(texts, tmp_path):
    two = bert_folder(tmp_path / "two", ("bad", "good"))
    assert refused(request(texts, model=two)).startswith(
        f"--model: {two} has a classifier of 2 outputs (bad, good), the data have 3 classes (bad, good, so); take data with the same classes, or"
    )
    other = bert_folder(tmp_path / "other", ("bad", "good", "soso"))
    assert refused(request(texts, model=other)).startswith(
        f"{other}: its outputs are bad, good, soso, the labels are bad, good, so; "
    )
    unnamed = bert_folder(tmp_path / "unnamed", ("LABEL_0", "LABEL_1", "LABEL_2"))
    assert refused(request(texts, model=unnamed)).endswith("give --labels with the labels in the order of its outputs")
    assert look(request(texts, model=unnamed, labels=("good", "so", "bad"))).task["label_names"] == ["good", "so", "bad"]


@pytest.mark.parametrize(
    ("outputs", "names", "order"),
    [
        (("us", "US", "other"), ["US", "other", "us"], ["us", "US", "other"]),
        (("POSITIVE", "NEGATIVE"), ["negative", "positive"], ["positive", "negative"]),
        (("b ", "A", "a"), ["A", "a", "b "], ["b ", "A", "a"]),
    ],
)
def test_classes_are_found_as_they_are_written_or_but_for_their_case(outputs, names, order):
    assert Encoder("mine", {}, {}, True, True, outputs).order(names) == order


@pytest.mark.parametrize(("outputs", "names"), [(("us", "US", "Other"), ["US", "other", "us"]), (("us", "other"), ["US", "us"])])
def test_where_case_alone_tells_classes_apart_it_is_not_guessed(outputs, names):
    with pytest.raises(EdgeminError) as raised:
        Encoder("mine", {}, {}, True, True, outputs).order(names)
    assert str(raised.value) == (
        f"mine: its outputs are {', '.join(outputs)}, the labels are {', '.join(names)}; write them alike, or give --labels with the labels in the "
        "order of its outputs"
    )


def test_an_encoder_alone_is_to_be_fine_tuned(texts, tmp_path):
    found = look(request(texts, model=bert_folder(tmp_path / "base", None)))
    assert not found.teacher.finetuned
    assert found.task["label_names"] == ["bad", "good", "so"]


def test_a_tokenizer_without_word_pieces_cannot_be_cut(tmp_path):
    folder = Path(bert_folder(tmp_path / "bpe"))
    assert given(str(folder), ["bad", "good", "so"], named=False).wordpiece
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["model"]["type"] = "BPE"
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    assert not given(str(folder), ["bad", "good", "so"], named=False).wordpiece


def test_the_packaged_encoder_is_that_of_the_quick_study():
    assert read_study(str(ROOT / "config/quick.yaml")).teacher.source.model_dump(exclude_unset=True) == PACKAGED
    assert CONFIG["vocab_size"] == 30522
    assert packaged().sizes.parameters == 22_713_216


def test_words_and_signs_are_counted_where_there_is_no_tokenizer():
    """Two texts of 3 and 5 words and signs: 2 + 1.11 4; five different ones."""
    tokens, pieces, longer = counted([["A b.", "a, b c."]], packaged())
    assert (tokens, pieces, longer) == (pytest.approx(2 + 1.11 * 4), 2000 + 5, 0)
    assert counted([["A b.", "a, b c."]], packaged(), longest=7)[2] == 0.5, "2 + 3.33 and 2 + 5.55"
    assert counted([["A b.", "a, b c."], ["a", "a"]], packaged(), longest=7)[2] == 0.5, "a pair is read as one"


@pytest.mark.parametrize("own", [False, True])
def test_texts_that_are_cut_off_are_told_and_can_be_read_further(tmp_path, model, own):
    rows = [
        (f"{text} {'good ' * (300 if number % 4 == 0 else 3)}", label)
        for number, (text, label) in enumerate(sentences(("bad", "good", "so"), 300))
    ]
    file, options = write_csv(tmp_path / "a.csv", ["text", "label"], rows), {"model": model} if own else {}
    found = look(request(file, **options))
    most = found.teacher.positions
    (note,) = [note for note in found.notes if "ends are not read" in note]
    share = int(note.split(" %")[0])
    assert 20 <= share <= 30
    assert note == f"{share} % of the texts have more than {min(128, most)} tokens, and their ends are not read: " + (
        f"--max-length reads more, up to {most}, and takes longer" if most > 128 else "no encoder of this study reads more"
    )
    further = look(request(file, max_length=most, **options))
    assert further.task["max_length"] == most
    assert any("ends are not read" in note for note in further.notes) == (most < 310)
    with pytest.raises(EdgeminError) as raised:
        look(request(file, max_length=most + 1, **options))
    assert str(raised.value) == f"--max-length {most + 1}: the encoders of this study read at most {most} tokens"
