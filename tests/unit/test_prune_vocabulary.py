"""Vocabulary pruning: what is kept, and that nothing changes for the texts it was kept for. Rare pieces: which stay, and how texts with the others are read."""

from __future__ import annotations

import json
import random
import shutil
import string
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from prunes import SPEC, prune_into
from pydantic import ValidationError

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, write_json
from edgemin.core.provenance import write_provenance
from edgemin.data import store
from edgemin.data.tokenizer import load_tokenizer, tokenize
from edgemin.data.tokenizing import write_tokens
from edgemin.data.tokens import Tokens
from edgemin.encoders import checkpoint
from edgemin.methods.distill.teachers import TeacherFiles, cache
from edgemin.methods.structures.rare_pieces.tokenizer import frequent_pieces
from edgemin.methods.structures.vocabulary.cut import keep_pieces
from edgemin.methods.structures.vocabulary.tokenizer import KEPT, kept_pieces, write_tokenizer
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.study.read import parse_study
from edgemin.study.registry import KINDS
from edgemin.study.structure import Shape
from edgemin.study.term import needs_of
from edgemin.study.variants import prune_variant

VARIANT = {"structure": "vocabulary"}
RARE = {"structure": "rare_pieces", "at_least": 3}


@pytest.fixture
def parent(tiny, save, source, tmp_path):
    """A model with as many embeddings as its tokenizer has pieces."""
    size = len(load_tokenizer(source))
    return save(tiny(vocab_size=size, max_position_embeddings=32), tmp_path / "model")


def rows_file(texts, file):
    """Unlabelled rows with these texts."""
    rows = pd.DataFrame({"id": [str(number) for number in range(len(texts))], "text": list(texts)})
    names = ["negative", "positive"]
    store.write_dataset(store.to_dataset(rows, KINDS["classification"], names), file, label_names=names)
    return file


@pytest.fixture
def few(data, tmp_path):
    """Rows of five sentences of the training split."""
    return rows_file(store.read_split(data, "train")["text"].iloc[[0, 1, 30, 60, 90]], tmp_path / "few.arrow")


def taught(teacher, rows, folder, needs) -> TeacherFiles:
    """What a teacher says of rows, in its own tokens."""
    tokens = folder / "teacher.arrow"
    write_tokens(rows, teacher, 16, tokens)
    caches = [folder / f"{need}.json" for need in needs]
    for need, manifest in zip(needs, caches, strict=True):
        cache(TeacherFiles(teacher, tokens), need, manifest, {**SPEC, "limit_gb": 1})
    return TeacherFiles(teacher, tokens, caches)


@pytest.fixture
def cut(data, parent, tmp_path):
    """cut(*rows, texts, name): the parent pruned for the texts of files of rows, with the tokenizer that the tokenizer's job made of
    their tokens; texts: rows of the job that prunes. terms: of a recovery that follows the parent. Returns the folder."""

    def make(*rows, texts, name="out", variant=VARIANT, terms=()):
        made, folder = tmp_path / f"{name}-tokenizer", tmp_path / f"{name}-tokens"
        made.mkdir()
        folder.mkdir()
        tokens = [folder / f"old{number}.arrow" for number in range(len(rows))]
        for file, old in zip(rows, tokens, strict=True):
            write_tokens(file, parent, 16, old)
        prune_variant(variant).write_tokenizer(parent, tokens, made)
        shutil.copyfile(parent / "config.json", made / "config.json")
        write_provenance(made, spec={})
        write_tokens(texts, made, 16, folder / "train.arrow")
        write_tokens(data / "validation.arrow", made, 16, folder / "validation.arrow")
        teacher_files = None
        if terms:
            variant = {**variant, "recovery": [{"epochs": 1, "learning_rate": 1e-9, "dropout": 0, "terms": terms}]}
            teacher_files = taught(parent, texts, folder, needs_of(prune_variant(variant).phases[0].terms))
        prune_into(tmp_path / name, parent, folder, variant, tokenizer=made, teacher_files=teacher_files)
        return tmp_path / name

    return make


def test_covered_sentences_get_the_same_logits(parent, few, cut, tmp_path):
    out = cut(few, texts=few)
    before, after = checkpoint.load(parent), checkpoint.load(out)
    texts = store.read_rows(few)["text"].tolist()
    told = read_json(out / "history.json")["pruning"]
    kept = read_json(tmp_path / "out-tokenizer" / KEPT)
    assert told["pieces_kept"] == after.config.vocab_size == len(load_tokenizer(out)) == len(kept) < told["pieces_before"]
    pairs = zip(*(tokenize(load_tokenizer(folder), texts, None, 16) for folder in (parent, out)), strict=True)
    different = 0
    for one, other in pairs:
        different += one["input_ids"] != other["input_ids"]
        assert one["input_ids"] == [kept[number] for number in other["input_ids"]]
        logits = [
            model(**{name: torch.tensor([values]) for name, values in tokens.items()}).logits
            for model, tokens in ((before, one), (after, other))
        ]
        assert torch.equal(*logits)
    assert different  # they were renumbered


def test_a_transfer_set_is_covered_too(few, cut, data):
    sizes = []
    for name, rows in (("narrow", [few]), ("wide", [few, data / "train.arrow"])):
        sizes.append(checkpoint.load(cut(*rows, texts=few, name=name)).config.vocab_size)
    assert sizes[0] < sizes[1]


def test_a_teacher_with_all_pieces_is_followed_with_fewer(parent, few, cut):
    """Its signals are of the same pieces under other numbers: a student that is the parent but for those has nothing to learn."""
    out = cut(few, texts=few, terms=[{"objective": "logits"}, {"objective": "minilmv2"}])
    (record,) = read_json(out / "history.json")["phases"]
    assert record["updates"] == 1
    assert record["last_terms"]["logits"] == pytest.approx(0, abs=1e-9)
    assert record["last_terms"]["minilmv2"] == pytest.approx(0, abs=1e-4)  # signals are stored in bfloat16


def test_the_plan_has_a_transfer_set_covered_and_nothing_else_read_it(changed):
    """Its tokens go into the tokenizer; they are trained on only if there is a recovery."""
    recovery = [{"epochs": 1, "terms": [{"objective": "labels"}]}]
    variants = {
        "plain": VARIANT,
        "wide": {**VARIANT, "transfer": "more"},
        "trained": {**VARIANT, "transfer": "more", "recovery": recovery},
    }
    cells = {f"cells.{name}": {"chain": f"teacher/prune-{name}"} for name in variants}
    study = changed({**cells, **{f"prune.{name}": variant for name, variant in variants.items()}})
    study["transfer"] = {"more": {"augment": {"mask": 0.2, "replace": 0.2, "ngram": 0.1}, "rows": 192}}
    jobs = Jobs(Plan(parse_study(study)))
    covered, trained = {}, {}
    for name in variants:
        at = SimpleNamespace(task="snippets", seed="0", parent="teacher", variant=name, tokenizer="teacher")
        covered[name] = [file.rpartition("/")[2] for file in jobs.cut_tokenizer.inputs(at)["tokens"]]
        found = jobs.prune_structured.inputs(at)
        trained[name] = found["tokens"].rpartition("/")[2]
        assert found["sentences"].rpartition("/")[2] == "train.arrow"
        assert any(file.endswith(f"--{name}/{KEPT}") for file in found["tokenizer"])
    both = ["train.arrow", "transfer-more.arrow"]
    assert covered == {"plain": ["train.arrow"], "wide": both, "trained": both}
    assert trained == {"plain": "train.arrow", "wide": "train.arrow", "trained": "transfer-more.arrow"}


@pytest.fixture
def kept_of(tmp_path):
    """kept_of(folder, text): the pieces of a tokenizer that a text keeps."""

    def find(folder, text):
        write_tokens(rows_file([text], tmp_path / "text.arrow"), folder, 16, tmp_path / "text-tokens.arrow")
        return kept_pieces(folder, [tmp_path / "text-tokens.arrow"])

    return find


def test_any_text_still_tokenizes(source, kept_of, tmp_path):
    """Random words of characters that the vocabulary has: never unknown where they were not before."""
    kept = kept_of(source, "a")
    write_tokenizer(source, kept, tmp_path)
    before, after = load_tokenizer(source), load_tokenizer(tmp_path)
    draw = random.Random(0)
    words = ["".join(draw.choices(string.printable + "äß語🙂\u0301", k=draw.randint(1, 12))) for _ in range(500)]
    for one, other in zip(tokenize(before, words, None, 64), tokenize(after, words, None, 64), strict=True):
        assert max(other["input_ids"]) < len(kept)
        unknown = [tokens["input_ids"].count(tokenizer.id_of("[UNK]")) for tokenizer, tokens in ((before, one), (after, other))]
        assert unknown[0] == unknown[1]
        assert other["input_ids"][0] == after.id_of("[CLS]")
    for token in ("[CLS]", "[SEP]", "[PAD]"):
        assert after.id_of(token) == kept.index(before.id_of(token))
    assert after.pad_token_id == after.id_of("[PAD]")


def test_post_processors_of_both_kinds_are_renumbered(source, kept_of, tmp_path):
    folder = tmp_path / "roberta"
    folder.mkdir()
    written = json.loads((source / "tokenizer.json").read_text())
    ids = written["model"]["vocab"]
    written["post_processor"] = {"type": "BertProcessing", "sep": ["[SEP]", ids["[SEP]"]], "cls": ["[CLS]", ids["[CLS]"]]}
    (folder / "tokenizer.json").write_text(json.dumps(written))
    for name in ("tokenizer_config.json", "config.json"):
        shutil.copyfile(source / name, folder / name)
    kept = kept_of(folder, "a")
    write_tokenizer(folder, kept, tmp_path / "out")
    after = load_tokenizer(tmp_path / "out")
    [example] = tokenize(after, ["a"], None, 16)
    assert example["input_ids"] == [kept.index(ids[piece]) for piece in ("[CLS]", "a", "[SEP]")]


def test_other_kinds_of_tokenizer_are_refused(tmp_path):
    write_json(tmp_path / "tokenizer.json", {"model": {"type": "BPE"}})
    with pytest.raises(EdgeminError, match=r"vocabulary cuts WordPiece tokenizers, .* has BPE; leave this stage out"):
        kept_pieces(tmp_path, [])


def test_tokens_of_another_tokenizer_are_refused(source, kept_of, tmp_path):
    """They would keep other pieces than those that the texts need."""
    kept = kept_of(source, "a")
    write_tokenizer(source, kept, tmp_path / "other")
    with pytest.raises(EdgeminError, match=r"text-tokens.arrow: made with another tokenizer than that of .*other"):
        kept_pieces(tmp_path / "other", [tmp_path / "text-tokens.arrow"])


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_the_padding_token_stays_where_it_is(tiny, family):
    """RoBERTa's position embeddings count from its id, which is 1."""
    model = tiny(family)
    padding, table = model.config.pad_token_id, model.get_input_embeddings().weight
    model.config.sep_token_id = 7
    with pytest.raises(EdgeminError, match=f"structure: vocabulary would move the padding token from id {padding}; leave this"):
        keep_pieces(model, range(padding + 1, 50))
    kept = [*range(padding + 1), 7, 9, 50]
    keep_pieces(model, kept)
    assert torch.equal(model.get_input_embeddings().weight, table[kept])
    assert (model.config.vocab_size, model.config.pad_token_id) == (len(kept), padding)
    assert model.config.sep_token_id == padding + 1


# -- rare pieces -------------------------------------------------------------------------------------------------------


@pytest.fixture
def some(data, tmp_path):
    """Rows of eight sentences of the training split."""
    return rows_file(store.read_split(data, "train")["text"].iloc[:8], tmp_path / "some.arrow")


def test_pieces_stay_that_one_file_has_often_enough(parent, some, tmp_path):
    """Two files of the same texts count no piece twice."""
    tokens = tmp_path / "some-tokens.arrow"
    write_tokens(some, parent, 16, tokens)
    counts = np.bincount(Tokens.read(tokens, parent).flat)
    always = set(kept_pieces(parent, []))
    for least in (2, 3, 7):
        expected = sorted(always | set(np.flatnonzero(counts >= least).tolist()))
        assert frequent_pieces(parent, [tokens], least) == expected
        assert frequent_pieces(parent, [tokens, tokens], least) == expected
    kept = [len(frequent_pieces(parent, [tokens], least)) for least in (2, 3, 7)]
    assert len(kept_pieces(parent, [tokens])) > kept[0] > kept[1] > kept[2] > len(always)


def test_a_rare_word_is_read_in_smaller_pieces_and_any_other_as_before(parent, some, cut, data, tmp_path):
    """The model keeps the rows of those pieces, and its recovery trains on texts as the new tokenizer reads them."""
    out = cut(some, texts=data / "train.arrow", variant=RARE, terms=[{"objective": "labels"}])
    before, after, kept = load_tokenizer(parent), load_tokenizer(out), read_json(tmp_path / "out-tokenizer" / KEPT)
    words = " ".join(store.read_rows(some)["text"]).split()
    old, new = (tokenize(tokenizer, words, None, 64) for tokenizer in (before, after))
    same = 0
    for one, other in zip(old, new, strict=True):
        if set(one["input_ids"]) <= set(kept):
            assert one["input_ids"] == [kept[number] for number in other["input_ids"]]
            same += 1
        else:
            assert len(other["input_ids"]) > len(one["input_ids"])
        assert one["input_ids"].count(before.id_of("[UNK]")) == other["input_ids"].count(after.id_of("[UNK]"))
    assert 0 < same < len(words)
    rows = [checkpoint.load(where).get_input_embeddings().weight.detach() for where in (parent, out)]
    assert np.allclose(rows[0][kept], rows[1], atol=1e-6)
    facts = read_json(out / "history.json")
    assert facts["pruning"]["pieces_kept"] == len(kept) < facts["pruning"]["pieces_before"]
    assert facts["phases"][0]["updates"] > 0


def test_rare_pieces_of_others_are_refused(tmp_path):
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        prune_variant({**RARE, "at_least": 1})
    with pytest.raises(EdgeminError, match="rare_pieces cuts WordPiece tokenizers, this one is BPE; leave it out"):
        prune_variant(RARE).shape(Shape(heads=(2,), head_dim=8, tokenizer="BPE"))
    write_json(tmp_path / "tokenizer.json", {"model": {"type": "BPE"}})
    with pytest.raises(EdgeminError, match=r"cuts WordPiece tokenizers, .* has BPE"):
        frequent_pieces(tmp_path, [], 2)
