"""Settings: which one wins, and what is said about one that cannot be used."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from matted.settings import quantities
from matted.settings.config import LOG_LEVELS, MAX_QUEUE, Config, ConfigError, load
from matted.settings.target import Target

Load = Callable[..., Config]


@pytest.fixture
def load_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """load_with(file=..., environ=..., flags=...) in folders of this test's own."""
    monkeypatch.setenv("MATTED_STATE_DIR", str(tmp_path / "state"))

    def read(file: str | bytes | None = None, environ: dict[str, str] | None = None, **flags: Any) -> Config:
        folder = tmp_path / "config"
        folder.mkdir(exist_ok=True)
        if file is not None:
            (folder / "config.toml").write_bytes(file if isinstance(file, bytes) else file.encode())
        return load(flags, {"MATTED_CONFIG_DIR": str(folder), **(environ or {})})

    return read


def test_nothing_given_leaves_the_defaults(load_with: Load) -> None:
    config = load_with()
    assert (config.model, config.patience, config.queue, config.log_level) == ("auto", 3.0, 32, "info")


def test_the_file_wins_over_the_default(load_with: Load) -> None:
    config = load_with('queue = 5\nmodel = "other"\nlog_level = "debug"\n')
    assert (config.model, config.queue, config.log_level) == ("other", 5, "debug")


def test_the_environment_wins_over_the_file(load_with: Load) -> None:
    assert load_with("queue = 5", {"MATTED_QUEUE": "6"}).queue == 6


def test_a_flag_wins_over_the_environment(load_with: Load) -> None:
    assert load_with("queue = 5", {"MATTED_QUEUE": "6"}, queue=7).queue == 7


def test_a_flag_that_was_not_given_does_not_count(load_with: Load) -> None:
    assert load_with("queue = 5", {}, queue=None, model=None).queue == 5


def test_an_empty_variable_does_not_count(load_with: Load) -> None:
    assert load_with('model = "filed"', {"MATTED_MODEL": ""}).model == "filed"


def test_every_setting_can_come_from_the_environment(load_with: Load) -> None:
    config = load_with(environ={"MATTED_MODEL": "other", "MATTED_QUEUE": "3", "MATTED_LOG_LEVEL": "error"})
    assert (config.model, config.queue, config.log_level) == ("other", 3, "error")


def test_other_matted_variables_are_not_settings(load_with: Load) -> None:
    assert load_with(environ={"MATTED_TEST_CACHE": "/tmp"}) == load_with()


@pytest.mark.parametrize("value", [0, -1, MAX_QUEUE + 1, "many", "", 1.5, True, float("inf"), float("nan"), [5]])
def test_a_queue_of_no_sensible_length_is_refused(load_with: Load, value: Any) -> None:
    with pytest.raises(ConfigError, match=r"queue in the command line"):
        load_with(queue=value)


@pytest.mark.parametrize("value", ["true", "1.5", "inf", "nan", "'x'", "[]", "2026-01-01"])
def test_a_queue_of_no_sensible_length_in_the_file_is_refused(load_with: Load, value: str) -> None:
    with pytest.raises(ConfigError, match=r"queue in .*config\.toml"):
        load_with(f"queue = {value}")


@pytest.mark.parametrize("value", [1, MAX_QUEUE])
def test_the_shortest_and_the_longest_queue_are_taken(load_with: Load, value: int) -> None:
    assert load_with(queue=value).queue == value


@pytest.mark.parametrize("value", ["5", '""', "['u2netp']"])
def test_a_model_that_is_not_a_text_is_refused(load_with: Load, value: str) -> None:
    with pytest.raises(ConfigError, match=r"model in .*config\.toml"):
        load_with(f"model = {value}")


def test_an_unknown_log_level_is_refused_with_the_known_ones(load_with: Load) -> None:
    with pytest.raises(ConfigError) as refusal:
        load_with(environ={"MATTED_LOG_LEVEL": "loud"})
    assert "the environment" in refusal.value.message
    assert all(level in refusal.value.hint for level in LOG_LEVELS)


@pytest.mark.parametrize(("text", "seconds"), [('"3s"', 3.0), ("0.5", 0.5), ('"2m"', 120.0), ('"forever"', math.inf)])
def test_a_patience_is_a_time(load_with: Load, text: str, seconds: float) -> None:
    assert load_with(f"patience = {text}").patience == seconds


@pytest.mark.parametrize("text", ["0", '"0s"', "-1", "true", '"soon"'])
def test_a_patience_that_nothing_can_keep_is_refused(load_with: Load, text: str) -> None:
    with pytest.raises(ConfigError, match=r"patience in .*config\.toml"):
        load_with(f"patience = {text}")


def test_an_arithmetic_that_not_every_model_has_is_refused(load_with: Load) -> None:
    assert load_with(environ={"MATTED_ARITHMETIC": "f32"}).target == Target("AUTO", "f32")
    with pytest.raises(ConfigError, match="arithmetic") as refused:
        load_with('arithmetic = "bf16"')
    assert refused.value.hint == "One of AUTO, f32 is expected."


def test_whether_flat_grounds_are_looked_for(load_with: Load) -> None:
    assert load_with().flat_ground == "auto"
    assert load_with('flat_ground = "off"').flat_ground == "off"
    assert load_with('flat_ground = "off"', {"MATTED_FLAT_GROUND": "auto"}).flat_ground == "auto"
    assert load_with(environ={"MATTED_FLAT_GROUND": "auto"}, flat_ground="off").flat_ground == "off"


@pytest.mark.parametrize("value", ['"on"', "true", "false", '""'])
def test_how_flat_grounds_are_looked_for_is_one_of_two_words(load_with: Load, value: str) -> None:
    with pytest.raises(ConfigError, match="flat_ground") as refused:
        load_with(f"flat_ground = {value}")
    assert refused.value.hint == "One of auto, off is expected."


def test_an_unknown_setting_in_the_file_is_named(load_with: Load) -> None:
    with pytest.raises(ConfigError, match="quue"):
        load_with("quue = 5")


@pytest.mark.parametrize("name", ["state", "data", "cache"])
def test_folders_are_not_set_in_the_file(load_with: Load, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load_with(f'{name} = "/somewhere"')


@pytest.mark.parametrize("content", ["queue = ", "[queue", b"\xff\xfe", b"queue = 5\0"])
def test_a_damaged_file_is_named(load_with: Load, content: str | bytes) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml cannot be read"):
        load_with(content)


def test_a_folder_in_the_place_of_the_file_is_named(load_with: Load, tmp_path: Path) -> None:
    (tmp_path / "config" / "config.toml").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"config\.toml cannot be read"):
        load_with()


def test_an_empty_file_is_as_good_as_none(load_with: Load) -> None:
    assert load_with("") == load_with()


def test_the_folders_are_those_of_platformdirs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MATTED_STATE_DIR", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    config = load({}, {})
    dirs = platformdirs.PlatformDirs("matted", appauthor=False)
    assert (config.state, config.data, config.cache) == (
        dirs.user_state_path,
        dirs.user_data_path,
        dirs.user_cache_path,
    )


def test_the_file_is_looked_for_where_platformdirs_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    folder = platformdirs.user_config_path("matted", appauthor=False)
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("queue = 9")
    assert load({}, {}).queue == 9


def test_the_folders_can_be_chosen(load_with: Load, tmp_path: Path) -> None:
    environ = {"MATTED_DATA_DIR": str(tmp_path / "d"), "MATTED_CACHE_DIR": str(tmp_path / "c")}
    config = load_with(environ=environ)
    assert (config.models, config.compiled) == (tmp_path / "d" / "models", tmp_path / "c" / "compiled")
    assert config.state == tmp_path / "state"


def test_relative_choices_become_absolute(load_with: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_with(environ={"MATTED_DATA_DIR": "d"}).data == tmp_path / "d"


def test_a_configuration_cannot_be_changed(load_with: Load) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_with().queue = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0.0), ("90s", 90.0), ("10m", 600.0), ("2h", 7200.0), ("1.5", 1.5), (30, 30.0), ("forever", float("inf"))],
)
def test_a_time_may_be_written_in_several_ways(text: object, seconds: float) -> None:
    assert quantities.parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5s", "10d", "inf", "nan", True, None, [], "s"])
def test_a_time_that_makes_no_sense_is_refused(text: object) -> None:
    with pytest.raises(ValueError):
        quantities.parse_seconds(text)


@pytest.mark.parametrize(
    ("text", "size"), [("500MB", 500_000_000), ("8GB", 8_000_000_000), ("1.5GB", 1_500_000_000), (7, 7)]
)
def test_a_size_may_be_written_in_several_ways(text: object, size: int) -> None:
    assert quantities.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1GB", "8TB", "inf", False])
def test_a_size_that_makes_no_sense_is_refused(text: object) -> None:
    with pytest.raises(ValueError):
        quantities.parse_size(text)
