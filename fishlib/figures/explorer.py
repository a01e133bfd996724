"""A figure with sliders where a front end is live, and the same figure, still, everywhere else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import ipywidgets
from IPython import get_ipython
from IPython.display import Image, display


@dataclass
class Explorer:
    """A picture that depends on a few controls.

    As the last line of a notebook cell it shows its picture, a PNG that stays in the saved
    notebook. In a live notebook the controls appear below and redraw it; under papermill, nbconvert
    or on a web page they are left out.

    Attributes
    ----------
    draw : callable
        Takes the controls' values by name, returns the picture as PNG bytes.
    controls : mapping of name -> widget
        ipywidgets with a ``value``.
    alt : str
        What the picture shows, for readers who cannot see it.
    live : bool, optional
        Show the controls; None asks the front end.
    """

    draw: Callable[..., bytes]
    controls: Mapping[str, ipywidgets.Widget]
    alt: str
    live: bool | None = None
    shown: object = field(default=None, repr=False)

    def picture(self) -> Image:
        """The picture for the controls' present values."""
        values = {name: control.value for name, control in self.controls.items()}
        return Image(self.draw(**values), format="png", alt=self.alt)

    def _ipython_display_(self) -> None:
        live = is_live() if self.live is None else self.live
        self.shown = display(self.picture(), display_id=True)
        if live:
            for control in self.controls.values():
                control.observe(lambda change: self.shown.update(self.picture()), names="value")
            display(ipywidgets.VBox([_with_player(c) for c in self.controls.values()]))


def is_live() -> bool:
    """Whether a person sits at the notebook: its front end can be asked for input.

    JupyterLab, Colab and VS Code say so with every cell they send; papermill and nbconvert do not.
    """
    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return False
    return bool(shell.kernel.get_parent("shell").get("content", {}).get("allow_stdin", False))


def _with_player(control: ipywidgets.Widget) -> ipywidgets.Widget:
    """Slider over frames, with a play button beside it if it was tagged as one."""
    if "film" not in getattr(control, "tags", ()):
        return control
    play = ipywidgets.Play(min=control.min, max=control.max, step=control.step, interval=100)
    play.value = control.value
    ipywidgets.jslink((play, "value"), (control, "value"))
    return ipywidgets.HBox([play, control])
