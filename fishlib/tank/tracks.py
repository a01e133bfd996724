"""What the fish of a simulated tank did: the truth behind its film."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from fishlib.atomic import save_arrays
from fishlib.tank.behaviour import CHASE

VARIABLES = (
    "x", "y", "heading", "speed", "turn", "phase", "bend", "tail", "mode", "timer", "partner",
)  # fmt: skip


@dataclass(frozen=True)
class Tracks:
    """What the fish of one tank did: the complete state at every frame.

    Attributes
    ----------
    state : ndarray, float32 (T, 11, n_fish)
        All variables of all fish, in the order of `VARIABLES`.
    arousal : ndarray, float32 (T,)
        Log of the factor on the group's kick rate.
    hazard : ndarray, float32 (T, n_fish)
        Probability that a fish begins a chase between this frame and the next.
    """

    state: np.ndarray
    arousal: np.ndarray
    hazard: np.ndarray

    def __len__(self) -> int:
        return len(self.state)

    def save(self, path: Path) -> None:
        """Write one array for each attribute, ``.npz``."""
        save_arrays(path, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path) -> "Tracks":
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as saved:
            return cls(**saved)

    def variable(self, name: str) -> np.ndarray:
        """One variable, float32 (T, n_fish), by its name in `VARIABLES`."""
        return self.state[:, VARIABLES.index(name)]

    @property
    def position(self) -> np.ndarray:
        """Middle of each fish, float32 (T, n_fish, 2): x to the right and y down, px."""
        return self.state[:, :2].transpose(0, 2, 1)

    @property
    def heading(self) -> np.ndarray:
        """Direction of swimming, float32 (T, n_fish), rad from the x axis towards y."""
        return self.variable("heading")

    @property
    def speed(self) -> np.ndarray:
        """Speed along the heading, float32 (T, n_fish), px/frame."""
        return self.variable("speed")

    @property
    def behaviour(self) -> np.ndarray:
        """Behaviour code of each fish, int8 (T, n_fish), an index into `BEHAVIOURS`."""
        return self.variable("mode").astype(np.int8)

    @property
    def partner(self) -> np.ndarray:
        """The fish approached, chased or fled from, int8 (T, n_fish); -1 for none."""
        return self.variable("partner").astype(np.int8)

    @property
    def chases(self) -> pd.DataFrame:
        """Chases in order of their beginning: start, end (frames, end excluded), chaser, victim."""
        mode, timer = self.behaviour, self.variable("timer")
        hunting = mode == CHASE
        first = hunting & ~np.vstack([np.zeros_like(hunting[:1]), hunting[:-1]])
        start, chaser = np.nonzero(first)
        end = np.minimum(start + timer[start, chaser].astype(int), len(self))
        victim = self.partner[start, chaser].astype(int)
        return pd.DataFrame({"start": start, "end": end, "chaser": chaser, "victim": victim})

    @property
    def next_chase(self) -> pd.DataFrame:
        """For every frame, frames until the next chase begins, and its chaser and victim.

        A chase that begins at this very frame counts as already begun. Where no chase follows,
        all three are -1.
        """
        chases = self.chases
        first = np.searchsorted(chases["start"].to_numpy(), np.arange(len(self)), side="right")
        frame = np.nonzero(first < len(chases))[0]
        coming = chases.iloc[first[frame]].set_index(frame)
        coming["wait"] = coming["start"] - frame
        return coming[["wait", "chaser", "victim"]].reindex(range(len(self)), fill_value=-1)
