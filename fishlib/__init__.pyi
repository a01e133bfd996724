"""The face as a type checker and an editor see it: what `lazy_face` loads when it is used."""

from fishlib.clips import ClipDataset as ClipDataset
from fishlib.evaluation import evaluate as evaluate
from fishlib.evaluation import score_forecast as score_forecast
from fishlib.forecasters import check_forecaster as check_forecaster
from fishlib.forecasters.networks import MotionLSTM as MotionLSTM
from fishlib.forecasters.networks import Network as Network
from fishlib.forecasters.networks import Plan as Plan
from fishlib.forecasters.regressions import Regressions as Regressions
from fishlib.forecasters.rules import rules as rules
from fishlib.models import load_network as load_network
from fishlib.motion import measure_motion as measure_motion
from fishlib.pipeline import run_notebooks as run_notebooks
from fishlib.preparation import Preparation as Preparation
from fishlib.questions import find_onsets as find_onsets
from fishlib.questions import label_bursts as label_bursts
from fishlib.questions import label_onsets as label_onsets
from fishlib.questions import suggest_min_range as suggest_min_range
from fishlib.recording import open_film as open_film
from fishlib.runs import open_run as open_run
from fishlib.splits import split_film as split_film
from fishlib.streaming import watch as watch
from fishlib.streaming.live import LiveForecaster as LiveForecaster
from fishlib.tank.fish import TankConfig as TankConfig
from fishlib.tank.rendering import simulate_film as simulate_film
from fishlib.training import fit_all as fit_all
from fishlib.video import read_frames as read_frames
from fishlib.video import write_video as write_video

__version__: str

def lazy_face(package: str, files: dict[str, str]) -> tuple: ...
