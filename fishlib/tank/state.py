"""What a simulated tank is made of, and what its fish did: the truth behind its film."""

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd

from fishlib.files import save_arrays

CALM, APPROACH, CHASE, FLEE, REST = range(5)
"""Behaviours of a fish, as codes."""


@dataclass(frozen=True)
class TankConfig:
    """Parameters of a simulated tank. Lengths in pixels of a 320 x 240 image, times in frames.

    Attributes
    ----------
    n_fish : int
        Fish in the tank.
    width, height : int
        Size of the image of the tank, px.
    wall : tuple of float
        Thickness of the walls left and right, and above and below, which no fish's middle passes.
    kick_rate : float
        Swimming kicks a frame and calm fish, at middle arousal.
    kick_speed : float
        Mean speed gained by a kick, px/frame.
    coast_frames : float
        Time constant with which speed decays after a kick, frames.
    kick_turn : float
        Standard deviation of the turning rate given by a kick, rad/frame.
    arousal_sd, arousal_frames : float
        Standard deviation (log units) and time constant (frames) of the slow drift that
        multiplies the rates of kicks and approaches of the whole group.
    approach_rate : float
        Approaches begun, a frame and calm fish; 0 for fish that never approach.
    approach_speed, standoff : float
        Speed of an approach (px/frame) and the distance at which it halts (px).
    approach_frames : int
        An approach without an attack is given up after this many frames.
    attack_rate, calm_attack_rate : float
        Attacks a frame, at no distance and face to face, while approaching and otherwise.
    attack_distance, attack_softness : float
        Distance at which the attack rate is halved, and the width of that fall, px.
    chase_speed : float
        Speed aimed at by chaser and victim, px/frame.
    chase_frames : tuple of int
        Shortest and longest chase, frames.
    rest_frames : int
        Frames after a chase in which both fish neither attack nor are attacked.
    avoid_distance, avoid_speed : float
        Bystanders closer than this to a chase (px) leave it at this speed (px/frame).
    space : float
        Distance that calm fish try to keep between them, px.
    freeze : float
        Factor on the kick rate of a fish that is being approached.
    tail_amplitude, tail_frequency : float
        Sideways sweep of the tail (body lengths at full effort) and its angular frequency
        (rad/frame).
    body_length, body_width : float
        Size of a fish, px.
    size_spread : float
        Half the range of the fishes' relative lengths and brightness, first fish to last.
    brightness : float
        Grey value of the front of a fish, 0 to 255.
    noise : float
        Sensor noise in the fish, standard deviation relative to the grey value.
    n_specks : int
        Faint motionless specks in the image.
    """

    n_fish: int = 6
    width: int = 320
    height: int = 240
    wall: tuple[float, float] = (22.0, 36.0)
    kick_rate: float = 0.088
    kick_speed: float = 0.65
    coast_frames: float = 10.6
    kick_turn: float = 0.094
    arousal_sd: float = 0.46
    arousal_frames: float = 400.0
    approach_rate: float = 0.0022
    approach_speed: float = 0.7
    standoff: float = 22.0
    approach_frames: int = 140
    attack_rate: float = 0.144
    calm_attack_rate: float = 0.004
    attack_distance: float = 32.0
    attack_softness: float = 3.0
    chase_speed: float = 4.5
    chase_frames: tuple[int, int] = (11, 25)
    rest_frames: int = 38
    avoid_distance: float = 118.0
    avoid_speed: float = 0.51
    space: float = 92.0
    freeze: float = 0.275
    tail_amplitude: float = 0.46
    tail_frequency: float = 0.565
    body_length: float = 32.0
    body_width: float = 4.9
    size_spread: float = 0.12
    brightness: float = 169.0
    noise: float = 0.027
    n_specks: int = 200

    def __post_init__(self) -> None:
        if self.n_fish < 1:
            raise ValueError(f"n_fish is {self.n_fish}; a tank needs at least one fish")
        if min(self.width, self.height) < 3 * self.body_length:
            raise ValueError(
                f"a tank of {self.width} x {self.height} px is too small for fish of "
                f"{self.body_length} px; make it at least three body lengths wide"
            )
        if not 0 < self.chase_frames[0] <= self.chase_frames[1]:
            raise ValueError(f"chase_frames {self.chase_frames} must be (shortest, longest)")


def calm_shoal(config: TankConfig | None = None) -> TankConfig:
    """The control: the same fish without approaches, chases, and drift of their arousal.

    What is left are kicks that come independently of everything before.

    Parameters
    ----------
    config : TankConfig, optional
        The tank to calm; the default tank if not given.

    Returns
    -------
    TankConfig
        The same tank in which pose forecasts nothing. The level of motion still ranks the rare
        onsets a little, because a rise is measured from it.
    """
    return replace(
        config or TankConfig(),
        approach_rate=0.0,
        attack_rate=0.0,
        calm_attack_rate=0.0,
        arousal_sd=0.0,
    )


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
        """Behaviour code of each fish, int8 (T, n_fish), see `CALM` and so on."""
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
