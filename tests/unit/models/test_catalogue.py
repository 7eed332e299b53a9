"""The rows that matted comes with, and a user's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from matted.models import catalogue
from matted.models.catalogue import CatalogueError
from matted.models.spec import BuiltIn, ModelSpec, Source
from matted_client import Rejected

SHIPPED = catalogue.load().specs


@pytest.mark.parametrize("spec", SHIPPED.values(), ids=str)
def test_every_row_says_all_that_is_needed(spec: ModelSpec) -> None:
    for field, allowed in catalogue.choices().items():
        assert getattr(spec, field) in allowed
    catalogue.check_id(spec.id)
    assert spec.title and spec.about and spec.licence and spec.licence_url.startswith("https://")
    assert len(spec.mean) == len(spec.std) == 3 and all(spec.std)
    assert spec.outputs and spec.side % 4 == 0 and spec.peak_bytes > 100_000_000
    assert spec.needs_plate == (spec.family == "plate") == (len(spec.outputs) > 1 and not spec.takes_clicks)
    assert spec.takes_clicks == (spec.decoder is not None)
    if spec.decoder is not None:
        assert len(spec.decoder.features) == len(spec.outputs) and len(spec.decoder.outputs) == 2
        assert len(spec.decoder.earlier) in (0, 2) and not spec.automatic
    assert (spec.side == 0) == (spec.fit == "own")
    assert spec.automatic_sources or spec.how_to_get.endswith(" --trust")
    assert len({source.name for source in spec.sources}) == len(spec.sources)
    for source in spec.sources:
        assert source.digest or source.licence_note
        if source.digest:
            assert len(source.digest[1]) == {"sha256": 64, "sha384": 96, "md5": 32}[source.digest[0]]
        assert source.weights_bytes > 1_000_000
        needed = {
            "hub": "repo revision path",
            "https": "url",
            "package-index": "package member",
            "npm": "package resource",
        }
        assert len(source.files) == len(spec.graphs)
        for file in source.files:
            assert all(getattr(file, field) for field in needed[file.kind].split())
            assert file.digest or file.licence_note


def test_what_is_not_free_has_to_be_accepted_and_only_the_default_comes_by_itself() -> None:
    assert [spec.id for spec in SHIPPED.values() if spec.automatic] == ["u2netp"]
    for spec in SHIPPED.values():
        assert spec.commercial or spec.accept
        assert spec.downloadable or not spec.automatic
    with_conditions = [spec.id for spec in SHIPPED.values() if spec.accept and spec.commercial]
    assert with_conditions == ["withoutbg"] and "DINOv3" in SHIPPED["withoutbg"].use


def test_a_source_is_verified_by_the_best_digest_that_is_known() -> None:
    known = {"sha256": "a" * 64, "sha384": "b" * 96, "md5": "c" * 32}
    for name in ("sha256", "sha384", "md5"):
        assert Source("https", **known).digest == (name, known.pop(name))
    assert Source("https").digest is None


def test_what_was_never_seen_is_no_fact_about_a_model_of_ones_own(own: Path) -> None:
    seen = {spec.id for spec in SHIPPED.values() if not spec.unseen}
    assert seen == {"u2netp", "isnet-general-use", "rvm-mobilenetv3"}
    mine = written(own, MINE)["mine"]
    assert SHIPPED["rmbg-1.4"].unseen and not mine.unseen and not mine.downloadable


def test_what_is_a_part_of_matted_is_listed_with_the_models_and_has_no_weights(own: Path) -> None:
    known = catalogue.load()
    flat = known.find("flat")
    assert isinstance(flat, BuiltIn) and "flat" not in known.specs
    assert list(known.entries) == [*SHIPPED, "flat"] == list(known.shipped)
    assert flat.title and flat.about and flat.licence == "MIT" and flat.licence_url.startswith("https://")
    assert flat.commercial and not flat.accept and not flat.own and flat.use == "free, also for commercial work"
    facts = flat.facts()
    assert facts.keys() == known.find("u2netp").facts().keys()
    assert (facts["id"], facts["bytes"], facts["plate"]) == ("flat", 0, False)
    own.write_text(MINE)
    assert list(catalogue.load(own).entries) == [*SHIPPED, "flat", "mine"]


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Rejected, match="no-such-model") as refused:
        catalogue.load().find("no-such-model")
    assert refused.value.code == "model_not_found"
    assert all(model in refused.value.hint for model in [*SHIPPED, "flat"])


def test_a_licence_with_terms_of_its_own_is_said_with_them(own: Path) -> None:
    (spec,) = [spec for spec in SHIPPED.values() if spec.licence.startswith("GPL")]
    assert spec.commercial and not spec.accept
    assert spec.use.startswith("free, also for commercial work; ") and "under the GPL" in spec.use
    own.write_text(f'[[model]]\nid = "mine"\nlike = "{spec.id}"\nlicence = "MIT"\ncommercial = true\n')
    assert "GPL" not in catalogue.load(own).specs["mine"].use


def test_inputs_that_are_no_pictures_are_kept_by_a_model_that_is_like_another(own: Path) -> None:
    own.write_text('[[model]]\nid = "mine"\nlike = "rvm-mobilenetv3"\n')
    mine = catalogue.load(own).specs["mine"]
    assert mine.coarse == ("downsample_ratio", 512)
    assert mine.states == (("r1i", "r1o"), ("r2i", "r2o"), ("r3i", "r3o"), ("r4i", "r4o")) and mine.remembers


def test_a_summary_says_what_how_big_and_which_licence() -> None:
    assert SHIPPED["u2netp"].summary == "U²-Net small (u2netp), 4.6 MB, licence Apache-2.0"


# -- a user's own ------------------------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "models.toml"


def written(own: Path, text: str) -> dict[str, ModelSpec]:
    own.write_text(text)
    return catalogue.load(own).specs


MINE = '[[model]]\nid = "mine"\nlike = "rmbg-1.4"\n'


def test_a_row_takes_what_it_does_not_say_from_the_one_that_it_is_like(own: Path) -> None:
    specs = written(own, MINE + 'title = "Mine"\nside = 512\nmean = [0, 0.5, 1]\noutputs = ["matte"]\n')
    mine, like = specs["mine"], SHIPPED["rmbg-1.4"]
    assert (mine.title, mine.side, mine.mean, mine.outputs) == ("Mine", 512, (0, 0.5, 1), ("matte",))
    assert (mine.std, mine.family, mine.activation, mine.commercial) == (like.std, "isnet", "minmax", False)
    assert mine.own and not mine.accept and not mine.automatic and not mine.sources
    assert list(specs) == [*SHIPPED, "mine"]


def test_that_bfloat16_does_a_model_no_harm_is_not_taken_over_from_another(own: Path) -> None:
    text = MINE.replace("rmbg-1.4", "isnet-general-use")
    assert SHIPPED["isnet-general-use"].bfloat16 and not written(own, text)["mine"].bfloat16
    assert written(own, text + "bfloat16 = true\n")["mine"].bfloat16


def test_a_quality_is_not_taken_over_but_by_a_variant(own: Path) -> None:
    text = MINE.replace("rmbg-1.4", "isnet-general-use")
    like = SHIPPED["isnet-general-use"]
    mine = written(own, text)["mine"]
    assert (mine.quality, mine.work, mine.subject) == (0, like.work, "any") and not mine.can_be_chosen
    mine = written(own, text + 'quality = 90\nwork = 3\nsubject = "people"\n')["mine"]
    assert (mine.quality, mine.work, mine.subject) == (90, 3.0, "people") and not mine.can_be_chosen
    assert written(own, text + "quality = 90\n")["mine"].can_be_chosen
    variant = written(own, text + 'made_from = "isnet-general-use"\n')["mine"]
    assert variant.quality == like.quality and variant.can_be_chosen
    assert not written(own, MINE + 'made_from = "rmbg-1.4"\n')["mine"].can_be_chosen


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_no_rows_are_fine(own: Path, text: str) -> None:
    assert list(written(own, text)) == list(SHIPPED)
    own.unlink()
    assert list(catalogue.load(own).specs) == list(SHIPPED)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[model]", "cannot be read"),
        ("\x00", "cannot be read"),
        ("model = 3", "no id"),
        ("[[model]]\n", "no id"),
        ("[[model]]\nid = 3\n", "no id"),
        ('[[model]]\nid = "mine"\n', "like"),
        ('[[model]]\nid = "mine"\nlike = "nonesuch"\n', "like"),
        ('[[model]]\nid = "u2netp"\nlike = "rmbg-1.4"\n', "comes with matted"),
        ('[[model]]\nid = "flat"\nlike = "rmbg-1.4"\n', "comes with matted"),
        ('[[model]]\nid = "mine"\nlike = "flat"\n', "mine cannot be like flat, which has no weights"),
        ('[[model]]\nid = "Mine"\nlike = "rmbg-1.4"\n', "cannot be the id"),
        ('[[model]]\nid = "../x"\nlike = "rmbg-1.4"\n', "cannot be the id"),
        ('[[model]]\nid = "default"\nlike = "rmbg-1.4"\n', "cannot be the id"),
        (MINE + MINE, "two models"),
        (MINE + "colour = 3\n", "unknown field: colour"),
        (MINE + "accept = true\n", "unknown field: accept"),
        (MINE + "automatic = true\n", "unknown field: automatic"),
        (MINE + 'states = [["r1i", "r1o"]]\n', "unknown field: states"),
        (MINE + "unseen = true\n", "unknown field: unseen"),
        (MINE + 'side = "big"\n', "side = 'big'"),
        (MINE + "side = -4\n", "side = -4"),
        (MINE + "side = true\n", "side = True"),
        (MINE + "quality = 101\n", "quality = 101"),
        (MINE + "quality = -1\n", "quality = -1"),
        (MINE + "work = -1\n", "work = -1"),
        (MINE + "work = inf\n", "work = inf"),
        (MINE + 'subject = "cars"\n', "subject = 'cars'"),
        ('[[model]]\nid = "auto"\nlike = "rmbg-1.4"\n', "'auto' cannot be the id"),
        (MINE + "mean = [0.5]\n", "mean"),
        (MINE + 'mean = ["a", "b", "c"]\n', "mean"),
        (MINE + "outputs = []\n", "outputs"),
        (MINE + "outputs = [1.5]\n", "outputs"),
        (MINE + 'activation = "softmax"\n', "one of minmax, sigmoid, clip"),
        (MINE + 'family = "yolo"\n', "one of u2net"),
    ],
)
def test_a_row_that_cannot_be_used_is_said_with_its_file(own: Path, text: str, words: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        written(own, text)
    assert words in refused.value.message and str(own) in refused.value.message and refused.value.hint


def test_a_catalogue_stays_as_it_was_read(own: Path) -> None:
    """The daemon takes changes of the file by a reload, for all requests at once, as the documentation says."""
    own.write_text(MINE)
    known = catalogue.load(own)
    own.write_text(MINE.replace("mine", "ours"))
    assert known.find("mine").own and "ours" not in known.specs
    assert catalogue.load(own).find("ours").own
