"""The simulated tank beside the published film: its motion, its look, and one of its chases."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from scipy.signal import welch

from fishlib.animals.places import measure_blobs
from fishlib.figures import style
from fishlib.figures.frames import draw_rings, plot_frames
from fishlib.figures.series import plot_autocorrelation
from fishlib.figures.style import MOTION_SCALE, legend_beside, new_axes, new_figure, styled
from fishlib.motion import measure_motion
from fishlib.published import load_frames, load_series
from fishlib.tank import Film, simulate_film
from fishlib.tank.fish import TankConfig

COLORS = (style.MOTION_COLOR, style.PAST_COLOR, style.FUTURE_COLOR, style.BURST_COLOR)


@styled
def plot_spectrum(groups: Mapping[str, np.ndarray], fps=30.0, ax: Axes | None = None) -> Axes:
    """Power spectrum of the motion proxy, Welch's estimate over 1024 frames, one line a group.

    Parameters
    ----------
    groups : mapping of name -> float array (T,)
        Series to compare, each finite.
    fps : float
        Frames per second.
    """
    ax = new_axes(ax, height=3.2)
    for color, (name, series) in zip(COLORS, groups.items(), strict=False):
        length = min(1024, len(series))
        frequency, power = welch(np.asarray(series) * MOTION_SCALE, fps, nperseg=length)
        ax.loglog(frequency[1:], power[1:], color=color, label=name)
    ax.set(xlabel="Frequency (Hz)", ylabel="Power (10⁻⁶ / Hz)")
    legend_beside(ax)
    return ax


@styled
def plot_motion_distribution(groups: Mapping[str, np.ndarray], ax: Axes | None = None) -> Axes:
    """Densities of the motion, one outline a group.

    Parameters
    ----------
    groups : mapping of name -> float array
        Motion ỹ to compare, each finite.
    """
    ax = new_axes(ax, height=3.2)
    top = MOTION_SCALE * max(np.quantile(series, 0.999) for series in groups.values())
    for color, (name, series) in zip(COLORS, groups.items(), strict=False):
        look = {"stat": "density", "element": "step", "alpha": 0.15, "edgecolor": color, "lw": 1.7}
        values, bins = np.asarray(series) * MOTION_SCALE, np.linspace(0, top, 61)
        sns.histplot(x=values, bins=bins, color=color, label=name, ax=ax, **look)
    ax.set(xlabel=style.MOTION_LABEL, ylabel="Density (per 10⁻³)", xlim=(0, top))
    legend_beside(ax)
    return ax


@styled
def plot_motion_match(groups: Mapping[str, np.ndarray], fps: float = 30.0) -> np.ndarray:
    """Distribution, autocorrelation and spectrum of several motion proxies, one above the other.

    Parameters
    ----------
    groups : mapping of name -> float array (T,)
        Real and simulated series, each finite.
    fps : float
        Frames per second.

    Returns
    -------
    array of three Axes
    """
    _, axes = new_figure(3, 1, height=8.6)
    plot_motion_distribution(groups, ax=axes[0])
    plot_autocorrelation(groups, fps, ax=axes[1])
    plot_spectrum(groups, fps, ax=axes[2])
    for legend in axes[0].figure.legends[::2]:  # on a phone all lie below: one of them tells all
        legend.remove()
    return axes


def measure_animals(frames: np.ndarray, threshold: int = 25) -> np.ndarray:
    """Area (px) and mean grey value of every animal in every frame, float64 (n, 2).

    An animal is a connected patch of 40 to 200 pixels above the threshold.
    """
    blobs, _ = measure_blobs(frames, threshold)
    area = blobs.stop - blobs.first
    return np.stack([area, blobs.light / area], axis=1)[(area > 40) & (area < 200)]


@styled
def plot_look_match(groups: Mapping[str, np.ndarray]) -> np.ndarray:
    """Grey values of all pixels, and area against mean grey of the animals, of several films.

    Parameters
    ----------
    groups : mapping of name -> uint8 array (T, H, W)
        Real and simulated frames of one size.

    Returns
    -------
    array of two Axes
    """
    _, axes = new_figure(1, 2, height=3.4)
    for color, (name, frames) in zip(COLORS, groups.items(), strict=False):
        shares = np.bincount(frames.ravel(), minlength=256).reshape(-1, 8).sum(1) / frames.size
        axes[0].stairs(1e3 * shares, np.arange(0, 257, 8), color=color, lw=1.8, label=name)
        area, grey = measure_animals(frames).T
        axes[1].plot(area, grey, "o", ms=4, mew=0, alpha=0.5, color=color, label=name)
    axes[0].set(xlabel="Grey value", ylabel="Pixels (‰)", yscale="log", xlim=(0, 256))
    axes[1].set(xlabel="Area of an animal (px)", ylabel="Mean grey value of an animal")
    legend_beside(axes[1])
    return axes


@styled
def plot_chase(film: Film, start: int, n_pictures: int = 8, every: int = 12) -> np.ndarray:
    """A chase as a film strip, with the motion proxy below it.

    Parameters
    ----------
    film : Film
        A simulated film.
    start : int
        Frame at which a chase begins, one of ``film.tracks.chases["start"]``.
    n_pictures, every : int
        Pictures in the strip and frames between them; three fifths of them before the start.

    Returns
    -------
    array of Axes
        The pictures, then the motion proxy.

    Raises
    ------
    ValueError
        If no chase begins at ``start``, or the strip does not fit into the film.
    """
    chases = film.tracks.chases.set_index("start")
    shown = start + every * (np.arange(n_pictures) - round(0.6 * n_pictures))
    if start not in chases.index:
        raise ValueError(f"No chase begins at frame {start}: choose one of film.tracks.chases.")
    if shown[0] < 0 or shown[-1] >= len(film.frames):
        raise ValueError(f"The strip runs from frame {shown[0]} to {shown[-1]}, outside the film.")
    pair = chases.loc[start, ["chaser", "victim"]].to_list()
    frames = np.minimum(film.frames[shown] * (255 / 160), 255)  # brightened
    titles = [f"{(frame - start) / 30:+.1f} s" for frame in shown]
    axes = plot_frames(frames, titles, n_pictures // 2, below=2.2)
    scale = film.frames.shape[2] / film.config.width
    for ax, frame in zip(axes, shown, strict=False):
        draw_rings(ax, scale * film.tracks.position[frame, pair], film.frames.shape[1] / 12)
    time = np.arange(shown[0], shown[-1] + 1)
    motion = MOTION_SCALE * measure_motion(film.frames)[time]
    axes[-1].plot((time - start) / 30, motion, color=style.MOTION_COLOR)
    axes[-1].axvline(0, color=style.INK, lw=1.2, ls=style.DASHED)
    axes[-1].set(xlabel="Time from the start of the chase (s)", ylabel="Motion ỹ (10⁻³)")
    return axes


def save_tank_figures(folder: Path, seed: int = 0, n_frames: int = 18000) -> list[Path]:
    """Make the figures tank_motion.png, tank_look.png and tank_chase.png in a folder.

    Needs the study's published files for the comparison; of its frames only numbers are shown.
    """
    film = simulate_film(TankConfig(), seed, n_frames)
    series = {
        "published film": load_series("train")["motion"][:-1],
        "simulated tank": measure_motion(film.frames)[:-1],
    }
    frames = {"published film": load_frames(), "simulated tank": film.frames[:: n_frames // 30]}
    starts = film.tracks.chases["start"].to_numpy()
    quiet = np.diff(starts, prepend=-999) > 150  # the first chase in five seconds
    start = int(starts[quiet & (starts > 60) & (starts < n_frames - 60)][0])
    figures = {
        "tank_motion": plot_motion_match(series),
        "tank_look": plot_look_match(frames),
        "tank_chase": plot_chase(film, start),
    }
    paths = [Path(folder) / f"{name}.png" for name in figures]
    for path, axes in zip(paths, figures.values(), strict=True):
        style.save_figure(axes, path)
    return paths


if __name__ == "__main__":
    FOLDER = Path(__file__).resolve().parents[2] / "figures"
    print(*save_tank_figures(FOLDER), sep="\n")
