"""What a film says about itself before it is decoded."""

from dataclasses import dataclass
from pathlib import Path

import cv2

from fishlib.video import folder as frame_folder
from fishlib.video.clock import choose_fps, timed_frames
from fishlib.video.file import open_capture


@dataclass(frozen=True)
class FilmInfo:
    """What a film says about itself.

    Attributes
    ----------
    path : Path
        The video file or the frame folder.
    n_frames : int
        Number of frames announced: a container may announce more than can be decoded.
    fps : float
        Frames per second of the clock on which `iter_frames` delivers.
    height, width : int
        Size of the stored frames in pixels.
    kind : str
        "video" or "folder".
    """

    path: Path
    n_frames: int
    fps: float
    height: int
    width: int
    kind: str


def probe(path: str | Path, fps: float | None = None) -> FilmInfo:
    """Look at a film without decoding all of it.

    Parameters
    ----------
    path : str or Path
        A video file or a folder of images.
    fps : float, optional
        Frame rate that replaces the one the film states. A folder states none: 30 is assumed.

    Raises
    ------
    FileNotFoundError
        Nothing is there.
    ValueError
        It is empty, or not a film.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: give the path of a film or frame folder.")
    if path.is_dir():
        images = frame_folder.list_images(path)
        height, width = frame_folder.read_image(images[0]).shape
        n_frames = len(images) + frame_folder.count_missing(images)
        return FilmInfo(path, n_frames, fps or 30.0, height, width, "folder")
    capture = open_capture(path)
    announced, stated_fps = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
    times, shape = [], None
    for image, seconds in timed_frames(capture, path, stop=30):
        times.append(seconds)
        shape = shape or image.shape[:2]
    if shape is None:
        raise ValueError(
            f"{path} opens as a film but not one frame of it can be decoded: re-encode it."
        )
    n_frames = max(int(announced), len(times))
    return FilmInfo(path, n_frames, fps or choose_fps(stated_fps, times, path), *shape, "video")
