"""Open a film the way the notebooks' common parameters say."""

import yaml

from fishlib.recording import Recording, open_recording
from fishlib.runs import project_path


def open_film(
    source: str, seed: int = 0, minutes: float = 0, preparation: str | dict = "", **how
) -> Recording:
    """The film of a run, prepared and cached; the same in every notebook of the run.

    Parameters
    ----------
    source : str
        "simulated", or the path of a film or frame folder, as seen from the project's top.
    seed : int
        Of the simulated tank.
    minutes : float
        Minutes to use; 0 takes an hour of the tank, or the whole film.
    preparation : str or dict
        Settings of :class:`fishlib.preparation.Preparation` that replace the suggested ones, as
        YAML: ``"noise_floor: 4, polarity: dark"``. Empty: as suggested from the film.
    **how
        Passed on to :func:`fishlib.recording.open_recording`.

    Returns
    -------
    Recording

    Raises
    ------
    ValueError
        If ``preparation`` does not hold settings.
    """
    settings = yaml.safe_load(f"{{{preparation}}}") if isinstance(preparation, str) else preparation
    if not isinstance(settings, dict) or None in settings.values():
        raise ValueError(
            f"preparation is {preparation!r}: write settings as name: value, separated by commas, "
            'such as "noise_floor: 4, polarity: dark".'
        )
    if source != "simulated":
        source = str(project_path(source))
    return open_recording(
        source, seed=seed, minutes=minutes or None, preparation=settings or None, **how
    )
