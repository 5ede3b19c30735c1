"""The static student of `edgemin compress`: when there is one, how long it takes, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from compress_by_hand import BASE, PACE, PATHS, START, inputs, paces, works

from edgemin.compressing.branch import Branch, Training
from edgemin.compressing.encoder import CONFIG, packaged
from edgemin.compressing.estimate import ALONE, LIGHT, ROUNDS, estimate, fixed_seconds, total, works_of
from edgemin.compressing.sizes import StaticSizes
from edgemin.compressing.space import space
from edgemin.compressing.timing import random_model


def static(given) -> Branch:
    (found,) = [branch for branch in space(given) if branch.name == "static"]
    return found


def test_it_is_a_table_of_the_teacher_s_tokens():
    found = static(inputs())
    assert found.sizes == StaticSizes(30522, 64)
    assert found.links == {
        "distill": {
            "static": {
                "student": {"static": {"width": 64}},
                "phases": [{"epochs": 7, "learning_rate": 3e-3, "terms": [{"objective": "logits", "temperature": 2}]}],
            }
        }
    }
    assert found.trainings == (Training(found.sizes, 700, 7, signals=1, alone=30522),)
    assert [(cell.name, cell.chain) for cell in found.cells] == [
        ("static", "teacher/distill-static"),
        ("static_int4", "teacher/distill-static/quantize-vectors"),
    ]


def test_it_is_no_wider_than_the_teacher():
    """A width of 24 has no groups of 16."""
    narrow = replace(packaged(), config={**CONFIG, "hidden_size": 24, "num_attention_heads": 2})
    found = static(inputs(narrow))
    assert (found.sizes, len(found.cells)) == (StaticSizes(30522, 24), 1)


def test_pairs_have_none():
    """A mean over both texts does not tell them apart."""
    assert "static" not in [branch.name for branch in space(replace(inputs(), task={"text": ["one", "two"]}))]
    assert "static" in [branch.name for branch in space(replace(inputs(), task={"text": "one"}))]


def test_its_bytes_by_hand():
    """100 tokens of 64 values: of four bytes; of four bits, with two scales of four bytes. 23.3 bytes of a tokenizer each."""
    assert StaticSizes(100, 64).bytes() == 100 * (256 + 23.3)
    assert StaticSizes(100, 64).bytes("int4") == pytest.approx(100 * (32 + 8 + 23.3))


def test_its_jobs_by_hand():
    """The teacher answers 100 batches for it, and reads 30,522 tokens alone, three in a text where others have 30. The graph is written by the training."""
    found = {work.file: work for work in works(space(inputs()), inputs())["static"]}
    models = "results/s/models/t/seed0/teacher/distill-static"
    seconds = START + (700 * 0.5 + 7 * 10 * 0.1) + (START + 100 * 0.1) + 30522 / 32 * ALONE / 30 * 0.1
    assert found[f"{models}/model.safetensors"].seconds == pytest.approx(seconds)
    assert [file for file in found if file.startswith(models)] == [
        f"{models}/model.safetensors",
        f"{models}/quantize-vectors/model.onnx",
    ]
    assert len(found) == 2 + 2 * (ROUNDS + 3)


def test_few_minutes_go_to_it_first():
    """With a step of a hundredth of the others' it costs what its measurements and the teacher's answers do."""
    given, every = inputs(BASE), space(inputs(BASE))
    of = paces(every)
    of = replace(of, of={**of.of, static(given).sizes: replace(PACE, step=PACE.step / 100)})
    jobs = {branch.name: works_of(branch, given, of, PATHS, "t") for branch in every}
    cost = {name: total(one, 2) for name, one in jobs.items()}
    assert min(cost, key=cost.__getitem__) in ("teacher", "static")
    fixed = fixed_seconds(of)
    found = estimate(every, [], jobs, 2, fixed, (fixed + cost["teacher"] + cost["static"] + 1) / 60)
    assert [branch.name for branch in found.branches] == ["teacher", "static"]
    assert fixed == 20 * LIGHT * START


def test_it_is_timed_in_the_size_that_it_will_have():
    """Table, and a head of two classes."""
    model = random_model(packaged(), StaticSizes(100, 8))
    assert sum(one.numel() for one in model.parameters()) == 100 * 8 + 2 * 8 + 2
