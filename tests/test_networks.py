import keras
import numpy as np
import pytest

from fishlib.clips import motion_channels, time_channels
from fishlib.forecasters.networks import NETWORKS, Plan, add_motion_outputs, forecast_frames
from fishlib.models import frames_for, layout_of, load_network, require_split
from fishlib.recording import open_recording


def test_the_layout_is_told_from_the_input():
    ours = NETWORKS["motion_convlstm"]((3, 12, 16, 3))
    study = NETWORKS["upbeat_snowflake"]((5, 12, 16, 4))
    assert layout_of(ours) == motion_channels()
    assert layout_of(study) == time_channels(5, 4)


@pytest.mark.parametrize("name", ["motion_convlstm", "motion_cnn"])
def test_our_networks_are_small_and_alike_and_come_back_from_disk(name, tmp_path):
    model = NETWORKS[name]()
    assert 45_000 < model.count_params() < 56_000
    model.save(tmp_path / "net.keras")
    again = load_network(str(tmp_path / "net.keras"))
    clips = np.random.default_rng(0).random((2, 3, 60, 80, 3), np.float32)
    np.testing.assert_array_equal(model.predict_on_batch(clips), again.predict_on_batch(clips))


def test_forecasts_see_no_future_and_are_aligned():
    frames = np.random.default_rng(1).integers(0, 255, (60, 12, 16), dtype=np.uint8)
    model = NETWORKS["motion_cnn"]((3, 12, 16, 3))
    forecast = forecast_frames(model, frames, motion_channels(), batch_size=16)
    assert np.isnan(forecast[:20]).all()
    changed = frames.copy()
    changed[41:] = 0
    again = forecast_frames(model, changed, motion_channels(), np.arange(30, 50))
    np.testing.assert_allclose(again[30:41], forecast[30:41], atol=1e-6)
    assert not np.allclose(again[41:50], forecast[41:50], atol=1e-6)
    assert np.isnan(again[50:]).all()


def test_the_auxiliary_task_leaves_the_forecast_alone():
    model = NETWORKS["motion_cnn"]((3, 12, 16, 3))
    both = add_motion_outputs(model, 4)
    clip = np.random.default_rng(2).random((1, 3, 12, 16, 3), np.float32)
    assert both.output_shape == (None, 5)
    assert both.predict_on_batch(clip)[0, 0] == model.predict_on_batch(clip)[0, 0]


def test_frames_come_at_the_size_the_network_reads(tmp_path):
    film = open_recording("simulated", minutes=0.1, cache_dir=tmp_path, progress=False)
    assert frames_for(NETWORKS["motion_cnn"](), film) is film.frames
    study = NETWORKS["upbeat_snowflake"]((3, 120, 160, 4))
    frames = frames_for(study, film)
    np.testing.assert_array_equal(frames[7], film.excerpt(7, 8)[0, 1::2, 1::2])


def test_what_is_missing_is_said():
    with pytest.raises(FileNotFoundError, match=r"no network 'x.keras'.*upbeat-snowflake-91"):
        load_network("x.keras")
    with pytest.raises(ValueError, match="too short to be split"):
        require_split(None, "train")
    with pytest.raises(ValueError, match="No network 'resnet'; there are: motion_convlstm"):
        Plan(network="resnet")
    assert isinstance(NETWORKS["motion_cnn"](), keras.Model)
