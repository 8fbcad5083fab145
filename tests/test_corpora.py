"""Corpora as their authors distribute them, in miniature."""

import os
import pickle
import struct

import numpy as np
import pytest
import torch

from talkcli.engine.clips import ClipSet, Contents, flat, load_contents, save_contents
from talkcli.engine.corpora import CORPORA, biwi, convert, load_corpus, vocaset
from talkcli.engine.corpora.foreign import (
    load_faces,
    load_indices,
)
from talkcli.engine.errors import BadInput, MissingAsset, Untrusted
from talkcli.engine.face.obj_mesh import load_obj
from talkcli.engine.methods.memorytalker.motions import paper_size
from talkcli.engine.pickles import load_arrays
from talkcli.engine.scans import load_obj_vertices
from talkcli.engine.speech import Speech, save_speech

FACES = [(0, 1, 2), (2, 1, 3)]


def write_corpus(folder, names, verts, frames):
    """Frame i stands i millimetres off the template."""
    (folder / "wav").mkdir(parents=True)
    (folder / "vertices_npy").mkdir()
    dice = np.random.default_rng(0)
    templates = {name.rpartition("_")[0]: dice.normal(size=(verts, 3)) / 50 for name in names}
    (folder / "templates.pkl").write_bytes(pickle.dumps(templates, protocol=2))
    for name in names:
        vertices = templates[name.rpartition("_")[0]].reshape(-1) + np.arange(frames)[:, None] / 1000
        np.save(folder / "vertices_npy" / f"{name}.npy", vertices.astype(np.float32))
        save_speech(Speech(torch.zeros(16_000)), folder / "wav" / f"{name}.wav")
    return templates


def write_ply(path, binary=True):
    style = "binary_little_endian" if binary else "ascii"
    header = (
        f"ply\nformat {style} 1.0\nelement vertex 4\nproperty float x\nproperty double y\nproperty float z\n"
        f"element face {len(FACES)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    if binary:
        rows = b"".join(struct.pack("<B3i", 3, *face) for face in FACES)
        path.write_bytes(header.encode() + struct.pack("<fdf", 0, 0, 0) * 4 + rows)
    else:
        path.write_text(header + "0 0 0\n" * 4 + "".join("3 {} {} {}\n".format(*face) for face in FACES))


@pytest.fixture
def voca(tmp_path):
    names = [
        "FaceTalk_170728_03272_TA_sentence01",
        "FaceTalk_170811_03275_TA_sentence25",
        "FaceTalk_170811_03275_TA_sentence05",
        "FaceTalk_170731_00024_TA_sentence40",
    ]
    folder = tmp_path / "vocaset"
    templates = write_corpus(folder, names, vocaset.VOCASET_VERTS, 60)
    np.save(folder / "lips_coordinates.npy", np.array([1590, 1590, 1593]))
    write_ply(folder / "FLAME_sample.ply")
    return folder, templates


def test_vocaset_becomes_clips_at_thirty_frames_a_second(voca, tmp_path):
    raw, templates = voca
    done = list(convert("vocaset", raw, tmp_path / "clips"))
    assert [each.fate for each in done] == ["skipped", "kept", "kept", "kept"]
    again = list(convert("vocaset", raw, tmp_path / "clips"))
    assert [each.fate for each in again] == ["skipped"], "resumed, nothing is left"
    clips = ClipSet(tmp_path / "clips")
    assert {split: len(names) for split, names in clips.contents.splits.items()} == {
        "train": 1,
        "val": 1,
        "test": 1,
    }
    clip = ClipSet(tmp_path / "clips", "train")[0]
    assert len(clip.motion) == 30 and clip.motion.fps == 30
    expected = torch.arange(0, 60, 2)[:, None].expand(-1, 3 * vocaset.VOCASET_VERTS) / 1000
    torch.testing.assert_close(flat(clip.motion), expected, atol=1e-6, rtol=0)
    theirs = torch.tensor(templates["FaceTalk_170728_03272_TA"], dtype=torch.float32)
    assert torch.equal(clip.avatar.neutral, theirs) and clip.avatar.lips.tolist() == [1590, 1590, 1593]
    assert clip.avatar.faces.tolist() == [list(face) for face in FACES]
    config = paper_size(clips)
    assert (config.verts, config.fps, config.period, config.double_rate) == (5023, 30, 30, False)


def test_biwi_becomes_clips_at_twenty_five_and_two_letters_a_frame(tmp_path):
    raw = tmp_path / "biwi"
    write_corpus(raw, ["F2_e01", "F2_e34", "M3_e38", "F1_e40", "F1_e05"], biwi.BIWI_VERTS, 25)
    (raw / "lve.txt").write_text("3, 5, 5,\n 7")
    (raw / "BIWI_topology.obj").write_text("v 0 0 0\nf 1/1 2/2 3/3 4/4\n")
    fates = [each.fate for each in convert("biwi", raw, tmp_path / "clips")]
    assert sorted(fates) == ["kept"] * 4 + ["skipped"]
    splits = ClipSet(tmp_path / "clips").contents.splits
    assert splits == {"train": ["F2/e01"], "val": ["F2/e34"], "test": ["M3/e38"], "test-b": ["F1/e40"]}
    config = paper_size(ClipSet(tmp_path / "clips"))
    assert (config.verts, config.fps, config.period, config.double_rate) == (23370, 25, 25, True)


def test_the_published_splits_share_nobody():
    people = [set(getattr(vocaset, name)) for name in ("_TRAIN", "_VAL", "_TEST")]
    assert [len(group) for group in people] == [8, 2, 2] and len(set.union(*people)) == 12
    assert not set(biwi._TRAIN) & set(biwi._STRANGERS) and len(biwi._TRAIN + biwi._STRANGERS) == 14


def test_a_corpus_that_lacks_something_says_what(voca, tmp_path):
    raw, _ = voca
    (raw / "lips_coordinates.npy").unlink()
    with pytest.raises(MissingAsset, match="lips_coordinates"):
        list(convert("vocaset", raw, tmp_path / "clips"))
    with pytest.raises(BadInput, match="outside"):
        np.save(raw / "lips_coordinates.npy", np.array([9999]))
        list(convert("vocaset", raw, tmp_path / "clips"))


@pytest.mark.parametrize("corpus", CORPORA)
def test_a_raw_corpus_that_is_not_there_is_a_bad_input(corpus, talk, tmp_path):
    said = talk("prepare", corpus, tmp_path / "nowhere", "-o", tmp_path / "clips", code=3)
    assert "nowhere is not a folder" in said.stderr and not (tmp_path / "clips").exists()


def test_a_folder_of_another_corpus_is_refused(voca, talk, tmp_path):
    corpus = load_corpus("biwi")
    made = Contents({"train": ["F2/e01"]}, corpus.licence, corpus.source, {"corpus": "biwi", **corpus.made})
    save_contents(made, tmp_path)
    words = ("prepare", "vocaset", voca[0], "-o", tmp_path)
    said = talk(*words, code=2)
    assert "corpus = biwi, not vocaset" in said.stderr and "--overwrite" in said.stderr
    assert load_contents(tmp_path) == made
    talk(*words, "--overwrite")
    assert len(ClipSet(tmp_path)) == 3


def test_only_the_studio_takes_a_seed(talk, tmp_path):
    said = talk("prepare", "vocaset", tmp_path, "-o", tmp_path / "clips", "--seed", 0, code=2)
    assert "--seed" in said.stderr


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.system, ("true",)

    path = tmp_path / "templates.pkl"
    path.write_bytes(pickle.dumps({"ada": Trap()}))
    with pytest.raises(Untrusted, match="system"):
        load_arrays(path)
    path.write_bytes(pickle.dumps(["no", "dict"]))
    with pytest.raises(Untrusted):
        load_arrays(path)


@pytest.mark.parametrize("binary", [True, False])
def test_faces_are_read_from_either_kind_of_ply(tmp_path, binary):
    write_ply(tmp_path / "mesh.ply", binary)
    assert load_faces(tmp_path / "mesh.ply").tolist() == [list(face) for face in FACES]


def test_an_obj_keeps_its_numbering_at_seams(tmp_path):
    lines = ["v 0 0 0", "v 1 0 0", "v 1 1 0 0.5 0.5 0.5", "v 0 1 0", "vt 0 0", "vt 1 0", "vt 1 1", "vt 0.5 1"]
    (tmp_path / "mesh.obj").write_text("\n".join([*lines, "f 1/1 2/2 3/3 4/1", "f 1/4/7 3/3/7 2/2/7"]))
    mesh = load_obj(tmp_path / "mesh.obj")
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 2, 1]]
    assert mesh.uv_faces.tolist() == [[0, 1, 2], [0, 2, 0], [3, 2, 1]]
    assert mesh.vertices.shape == (4, 3) and mesh.uv.tolist()[3] == [0.5, 1.0]
    assert torch.equal(load_obj_vertices(tmp_path / "mesh.obj", 4), mesh.vertices)
    (tmp_path / "bare.obj").write_text("f 1 2 3 4\n")
    assert load_obj(tmp_path / "bare.obj").faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert not len(load_obj(tmp_path / "bare.obj").uv_faces)


@pytest.mark.parametrize("text", ["f 1 x 3", "v 0 0", "f -1 -2 -3", "v 0 0 0\nf 1/0 1/0 1/0"])
def test_a_damaged_obj_is_named(tmp_path, text):
    (tmp_path / "mesh.obj").write_text(text)
    with pytest.raises(BadInput, match=r"mesh\.obj"):
        load_obj(tmp_path / "mesh.obj")
        load_obj_vertices(tmp_path / "mesh.obj", 1)


def test_a_list_of_vertices_must_be_one(tmp_path):
    (tmp_path / "lve.txt").write_text("1 two")
    with pytest.raises(BadInput):
        load_indices(tmp_path / "lve.txt", 10)


@pytest.mark.parametrize("name", CORPORA)
def test_every_corpus_on_the_roll_says_what_it_is(name):
    corpus = load_corpus(name)
    assert corpus.name == name and corpus.licence and corpus.source and "train" in corpus.splits
