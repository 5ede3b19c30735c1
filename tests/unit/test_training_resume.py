"""What a killed training leaves behind for the next one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgemin.training.resume import DONE, restore, store, whole_checkpoint


def checkpoint(state, step: int, whole: bool = True) -> None:
    folder = state / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    if whole:
        (folder / "trainer_state.json").write_text("{}", encoding="utf-8")


def filled(value: float) -> nn.Linear:
    layer = nn.Linear(2, 3)
    for parameter in layer.parameters():
        nn.init.constant_(parameter, value)
    return layer


def test_the_newest_whole_checkpoint_is_gone_on_from(tmp_path):
    """By its step, not by its name; one that was killed while it was written does not count."""
    assert whole_checkpoint(tmp_path / "nowhere") is None
    checkpoint(tmp_path, 24, whole=False)
    assert whole_checkpoint(tmp_path) is None
    checkpoint(tmp_path, 6)
    checkpoint(tmp_path, 12)
    assert whole_checkpoint(tmp_path) == str(tmp_path / "checkpoint-12")


def test_a_phase_that_is_done_is_restored_with_its_record(tmp_path):
    """Weights to the bit; its checkpoints are gone."""
    checkpoint(tmp_path / "phase1", 6)
    record = {"validation": [0.5, 0.75], "selected_epoch": 2}
    store(filled(0.1), record, tmp_path / "phase1")
    student = filled(9.0)
    assert restore(student, tmp_path / "phase1") == record
    assert all(torch.equal(tensor, filled(0.1).state_dict()[name]) for name, tensor in student.state_dict().items())
    assert [path.name for path in (tmp_path / "phase1").iterdir()] == [DONE]


@pytest.mark.parametrize("left", [None, "checkpoint-6", f"{DONE}.partial"])
def test_a_phase_that_is_not_done_restores_nothing(tmp_path, left):
    if left:
        (tmp_path / left).mkdir()
    student = filled(9.0)
    assert restore(student, tmp_path) is None
    assert torch.equal(student.weight, filled(9.0).weight)


def test_what_was_half_written_does_not_hinder_the_next_time(tmp_path):
    (tmp_path / f"{DONE}.partial").mkdir()
    (tmp_path / f"{DONE}.partial/student.safetensors").write_bytes(b"half")
    store(filled(0.1), {"n": 1}, tmp_path)
    assert restore(filled(9.0), tmp_path) == {"n": 1}
    assert [path.name for path in tmp_path.iterdir()] == [DONE]


def test_another_models_weights_are_not_taken(tmp_path):
    store(filled(0.1), {}, tmp_path)
    with pytest.raises(RuntimeError, match="size mismatch"):
        restore(nn.Linear(4, 3), tmp_path)
