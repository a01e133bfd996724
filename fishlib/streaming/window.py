"""A window for moving pictures, drawn by matplotlib, where there is a screen."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends import BackendFilter, backend_registry


def has_screen() -> bool:
    """Whether matplotlib can open a window here."""
    plt.figure(num="fishlib-probe")  # the backend is only chosen with the first figure
    plt.close("fishlib-probe")
    interactive = backend_registry.list_builtin(BackendFilter.INTERACTIVE)
    return matplotlib.get_backend().lower() in interactive


class LiveWindow:
    """A window that shows one picture after the other, until it is closed.

    Parameters
    ----------
    title : str
        Title of the window.
    """

    def __init__(self, title: str) -> None:
        self.title, self.figure, self.image = title, None, None

    def __call__(self, picture: np.ndarray) -> bool:
        """Show a picture uint8 (h, w, 3); returns whether the window is still open."""
        if self.figure is None:
            height, width = picture.shape[:2]
            self.figure = plt.figure(self.title, figsize=(width / 100, height / 100), dpi=100)
            axes = self.figure.add_axes((0, 0, 1, 1))
            axes.set_axis_off()
            self.image = axes.imshow(picture)
            plt.show(block=False)
        self.image.set_data(picture)
        plt.pause(0.001)
        return plt.fignum_exists(self.figure.number)
