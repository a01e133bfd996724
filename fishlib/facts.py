"""The facts of a network, which it carries in its ``.keras`` file: what it reads, what it learned.

A ``.keras`` file is a zip archive; the facts are one more member of it, a JSON text. For a network
made elsewhere they can be given as a JSON file of their own.
"""

import json
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np

from fishlib import __version__
from fishlib.files import write_atomically
from fishlib.spans import USUAL_FPS

MEMBER = "fishlib.json"
"""Name of the facts inside a ``.keras`` file."""
WANTED = (
    'give them as a JSON file, facts = "net.json", or beside it, net.json for net.keras, with at '
    'least "fps" (frames a second it was trained at), "moments" (seconds before the current frame, '
    'a list for each slice of a clip) and "size" (height and width of a frame)'
)


@dataclass(frozen=True)
class Facts:
    """What has to be known of a network to give it another film.

    Attributes
    ----------
    fps : float
        Frames a second of the films it was trained on, as kept.
    moments : tuple of tuples of float
        Seconds before the current frame, 0 or above: the frames of each slice of its clips.
    size : (height, width)
        Of a frame.
    mix : tuple of tuples of float, optional
        How a slice's frames become channels, see :class:`fishlib.clips.ClipLayout`.
    method : str, optional
        How frames are shrunk to that size.
    preparation : dict, optional
        Settings of :class:`fishlib.preparation.Preparation`.
    question : dict, optional
        What it was asked: ``name``, ``horizon`` (seconds), ``min_range`` (the smallest burst c);
        ``names`` where several things were.
    data : dict, optional
        What it was trained on: ``film``, ``frames``, and what :func:`what_is_seen` says.
    seed : int, optional
    class_weights : dict, optional
        Weights of its training, still in its odds or ``weights_taken_out`` of them.
    threshold : float, optional
        Chosen on validation: alarms are raised from there on.
    calibration : dict, optional
        Chosen on validation.
    package : str
        What wrote it.
    """

    fps: float
    moments: tuple[tuple[float, ...], ...]
    size: tuple[int, int]
    mix: tuple[tuple[float, ...], ...] | None = None
    method: str | None = None
    preparation: dict | None = None
    question: dict | None = None
    data: dict | None = None
    seed: int | None = None
    class_weights: dict | None = None
    weights_taken_out: bool = True
    threshold: float | None = None
    calibration: dict | None = None
    package: str = f"fishlib {__version__}"

    @property
    def of_animals(self) -> bool:
        """Whether it reads places of animals, and was taught several questions at once."""
        return "names" in (self.question or {})

    @property
    def alarmed_by(self) -> str | None:
        """The question whose forecast raises alarms."""
        asked = self.question or {}
        return "alarm" if "alarm" in asked.get("names", ()) else asked.get("name")


_PREFIX = "checkpoint_tc-augm-best-validation-retarget-"
PUBLISHED = {
    "upbeat-snowflake-91": _PREFIX + "upbeat-snowflake-91",
    "visionary-serenity": _PREFIX + "no-regr-visionary-serenity",
}
"""Published networks, and the folder of each in the study's repository."""

UNSAFE = {"Lambda", "StringLookup", "IntegerLookup", "TextVectorization", "TFSMLayer"}
UNSAFE |= {"TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
"""Layers of Keras that run code or read files named in a saved network."""


def check_file(path: Path) -> None:
    """Refuse what is no ``.keras`` file, before any of it is built."""
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no network {str(path)!r}: give the path of a .keras file, or one of the "
            f"published checkpoints: {', '.join(PUBLISHED)}."
        )
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path} is no .keras file ({path.stat().st_size} bytes, no zip archive): save the "
            'network with Keras 3, as model.save("net.keras").'
        )
    with zipfile.ZipFile(path) as archive:
        if "config.json" not in archive.namelist():
            raise ValueError(f"{path} is a zip archive, but holds no Keras network (config.json).")
        try:
            found = set(_class_names(json.loads(archive.read("config.json"))))
        except ValueError as error:
            raise ValueError(f"{path} holds no Keras network: {error}.") from error
    if unsafe := found & UNSAFE:
        raise ValueError(
            f"{path} holds a layer {', '.join(sorted(unsafe))}, which runs code or reads files of "
            "its maker's choice: build the network without it."
        )


def _class_names(config) -> Iterator[str]:
    """Names of all classes in a network's configuration, however deep."""
    if isinstance(config, dict):
        yield str(config.get("class_name"))
    inside = config.values() if isinstance(config, dict) else config
    for one in inside if isinstance(config, dict | list) else ():
        yield from _class_names(one)


def read_facts(path: str | Path) -> Facts:
    """The facts in a ``.keras`` file, or in a JSON file beside it.

    Raises
    ------
    ValueError
        If there are none, or they lack what has to be known.
    """
    path = Path(path)
    if path.suffix == ".json":
        text = path.read_text(encoding="utf-8-sig")
    else:
        with zipfile.ZipFile(path) as archive:
            within = MEMBER in archive.namelist()
            text = archive.read(MEMBER) if within else ""
        if not within and (beside := path.with_suffix(".json")).exists():
            return read_facts(beside)
        if not within:
            raise ValueError(f"{path} carries no facts of its training: {WANTED}.")
    try:
        told = json.loads(text)
        known = {one.name: told[one.name] for one in fields(Facts) if one.name in told}
        moments = tuple(tuple(abs(float(m)) for m in one) for one in told["moments"])
        height, width = map(int, told["size"])
        mix = told.get("mix") and tuple(tuple(map(float, row)) for row in told["mix"])
        sure = {"fps": float(told["fps"]), "moments": moments, "mix": mix, "size": (height, width)}
        if not (0 < sure["fps"] < np.inf and moments and all(moments)):
            raise ValueError("no rate, or no moments")
        float(told.get("threshold") or 0), dict(told.get("question") or {})  # are what they must be
        return Facts(**known | sure)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"The facts in {path} cannot be read ({error!r}): {WANTED}.") from error


def write_facts(path: str | Path, facts: Facts) -> None:
    """Put facts into a ``.keras`` file, in the place of those that are there."""

    def rewrite(part: Path) -> None:
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(part, "w") as new:
            for member in old.infolist():
                if member.filename != MEMBER:
                    new.writestr(member, old.read(member))
            text = json.dumps(asdict(facts), indent=1, default=lambda array: array.tolist())
            new.writestr(MEMBER, text, zipfile.ZIP_DEFLATED)

    write_atomically(path, rewrite)


def note_choices(fitted, forecasts: dict[str, dict], questions: dict[str, np.ndarray]) -> None:
    """Choose each network's threshold and calibration on validation, and add them to its facts.

    Parameters
    ----------
    fitted : fishlib.training.Fitted
        Networks that were saved carry their ``path``; the others are passed over.
    forecasts : dict of question -> dict of name -> float array (T,), or (2, T) of folds
        What ``fitted`` forecasts.
    questions : dict of name -> int8 array (T,)
    """
    from fishlib.evaluation.scores import calibrate, choose_thresholds  # loads slowly

    for parts, forecasters in fitted.folds:
        at = (parts or {}).get("validation")
        for (name, question), one in forecasters.items():
            path = getattr(one, "path", None)
            if at is None or path is None or one.facts.alarmed_by != question:
                continue
            forecast = np.atleast_2d(forecasts[question][name])[-1][at]
            with suppress(ValueError):  # of one class: there is nothing to choose
                choices = choose_thresholds(questions[question][at], forecast)
                found = calibrate(questions[question][at], forecast)
                chosen = {"threshold": choices["max_youden"], "calibration": asdict(found)}
                one.facts = replace(one.facts, **chosen)
                write_facts(path, one.facts)


LIT = 48
"""Grey level from which on a pixel is taken for an animal's."""
LOOKED_AT = 200
"""Frames of a film that are looked at."""
NEAR = 1.05
"""Factor by which a film may lie outside of what was seen: a rate of 29.97 is one of 30."""


def what_is_seen(recording, part: slice | np.ndarray = slice(None)) -> dict[str, list[float]]:
    """What a film looks like: the 5th, 50th and 95th percentile of four things.

    Parameters
    ----------
    recording : Recording
    part : slice or index array
        Its frames.

    Returns
    -------
    dict of three numbers
        ``motion``; ``animal``, the area of what is lit and hangs together, a share of the frame;
        ``light``, the grey level of what is lit; ``rate``, frames a second, three times.
    """
    from fishlib.animals.places import measure_blobs  # reading facts needs none of it

    at = np.arange(len(recording.frames))[part]
    frames = recording.frames[at[:: max(1, len(at) // LOOKED_AT)]]
    blobs, pixels = measure_blobs(frames, LIT - 1)
    motion = np.asarray(recording.motion, float)[part]
    looks = {"motion": motion[np.isfinite(motion)]}
    looks |= {"animal": (blobs.stop - blobs.first) / frames[0].size, "light": pixels[:, 2]}
    looks["rate"] = [getattr(recording, "fps", None) or USUAL_FPS]
    return {name: np.quantile(x, [0.05, 0.5, 0.95]).tolist() for name, x in looks.items() if len(x)}


def remark_unseen(facts: Facts, recording) -> list[str]:
    """A remark, with numbers, if a film looks like nothing that a network was trained on.

    Parameters
    ----------
    facts : Facts
    recording : Recording
        Its frames at the size that the network reads.
    """
    found, known = what_is_seen(recording), facts.data or {}
    unseen = [
        f"{name} {found[name][1]:.3g} ({known[name][0]:.3g} to {known[name][2]:.3g} in training)"
        for name in found
        if name in known and not known[name][0] / NEAR <= found[name][1] <= known[name][2] * NEAR
    ]
    return [f"the network has seen no film like this: {', '.join(unseen)}."] if unseen else []


def remarks(fitted, recording) -> list[str]:
    """What :func:`remark_unseen` says of each network in :class:`fishlib.training.Fitted`."""
    facts = {name: getattr(one, "facts", None) for (name, _), one in fitted.forecasters.items()}
    told = {name: remark_unseen(one, recording) for name, one in facts.items() if one}
    return [f"{name}: {remark}" for name, said in told.items() for remark in said]
