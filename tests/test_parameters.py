"""Parameters: each absurd value is refused by name, kind and range; files are read or refused."""

import pytest

from fishlib.models import NETWORKS
from fishlib.parameters import PARAMETERS, check_values, read_parameters

NAN = float("nan")
ABSURD = {
    "epochs": 0, "batch_size": 0, "n_rollouts": 0, "oracle_frames": 0,
    "horizon_seconds": NAN, "past_seconds": NAN, "seed": "fish", "low_fraction": 7,
    "min_range": -1, "n_shifts": 0, "block": 0, "minutes": -3, "learning_rate": 0,
    "flips": 3, "anneal": "perhaps", "network": "convlstm", "height": 2.5, "steps_per_epoch": True,
    "overlay_seconds": float("inf"), "channels": None, "source": ["a", "b"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), ABSURD.items())
def test_what_is_absurd_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"^The parameter {name} is .*: give ") as caught:
        check_values({name: value})
    assert "\n" not in str(caught.value)


def test_a_sentence_says_what_it_takes():
    with pytest.raises(ValueError, match="epochs is 0: give a whole number from 1"):
        check_values({"epochs": 0})
    with pytest.raises(ValueError, match="low_fraction is 7: give a number above 0 and at most 1"):
        check_values({"low_fraction": 7})
    with pytest.raises(ValueError, match="flips is 3: give 1 or 4"):
        check_values({"flips": 3})


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"parameter sede. There are: .*epochs.*seed"):
        check_values({"sede": 1})


def test_words_become_what_they_mean():
    given = {"epochs": "2", "learning_rate": "1e-3", "anneal": "False", "minutes": 3, "block": "30"}
    values = check_values(given)
    assert values == {
        "epochs": 2, "learning_rate": 0.001, "anneal": False, "minutes": 3.0, "block": 30.0,
    }  # fmt: skip
    assert [type(value) for value in values.values()] == [int, float, bool, float, float]
    settings = check_values({"preparation": {"noise_floor": 4}, "source": 7})
    assert settings == {"preparation": "noise_floor: 4", "source": "7"}


def test_the_networks_are_those_there_are():
    assert set(PARAMETERS["network"].choices) == set(NETWORKS)


FILES = {
    "BOM and CRLF": (b"\xef\xbb\xbfseed: 3\r\nminutes: 4\r\n", {"seed": 3, "minutes": 4}),
    "quotes": (b"seed: '3'\nanneal: 'no way'\n", "anneal is 'no way': give true or false"),
    "numbers in quotes": (b"seed: '3'\nminutes: 4e-1\n", {"seed": 3, "minutes": 0.4}),
    "sections": (b"all:\n  seed: 3\n04_convlstm:\n  epochs: 2\n", {"seed": 3, "epochs": 2}),
    "contradiction": (b"a:\n  seed: 3\nb:\n  seed: 4\n", "gives seed two values"),
    "twice": (b"seed: 3\nseed: 4\n", "line 2: seed is twice"),
    "no number": (b"minutes: .nan\n", "minutes is nan: give a number from 0"),
    "yes in words": (b"anneal: 'yes'\n", {"anneal": True}),
    "large": (b"seed: 5_000_000_000\n", "a whole number from 0 to 4294967295"),
    "empty": (b"", "is empty: write one parameter a line"),
    "list": (b"- seed: 3\n", "holds a list, no parameters: write one parameter a line"),
    "text": (b"seed 3\n", "holds a str, no parameters"),
    "tab": (b"seed: 3\nall:\n\tminutes: 4\n", r"line 3: .*\\t.*; write one parameter a line"),
    "latin": ("source: Fische für uns".encode("latin-1"), "is not written in UTF-8"),
    "misspelt": (b"sede: 3\n", "No notebook has the parameter sede"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_a_parameter_file_is_read_or_refused_in_a_sentence(tmp_path, kind):
    content, expected = FILES[kind]
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    if isinstance(expected, dict):
        assert read_parameters(path) == expected
        return
    with pytest.raises(ValueError, match=expected) as caught:
        read_parameters(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
