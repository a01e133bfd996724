"""Tracks as places: of any tracker, causal, without what a tracker guessed or mistook."""

import pickle

import h5py
import numpy as np
import pandas as pd
import pytest

from fishlib import open_film, tank, write_video
from fishlib.__main__ import main
from fishlib.animals import (
    find_places,
    load_tracks,
    places_from,
    places_of,
    read_tracks,
    with_tracks,
)
from fishlib.animals.places import nowhere
from fishlib.pipeline import check_inputs

FPS, BODY = 15.0, 20.0


def written(tmp_path, table):
    table.to_csv(tmp_path / "tracks.csv", index=False)
    return tmp_path / "tracks.csv"


def test_a_table_of_places_is_read_by_frame_or_second(tmp_path):
    rows = [(t, k, 10.0 * t + k, 50.0 + 100 * k) for t in range(4) for k in (0, 1)]
    table = pd.DataFrame(rows, columns=["frame", "animal", "x", "y"])
    places = read_tracks(written(tmp_path, table), FPS, BODY)
    np.testing.assert_array_equal(places.x, [[10 * t, 10 * t + 1] for t in range(4)])
    np.testing.assert_array_equal(places.heading, 0)  # to the right
    assert places.apart.all() and places.body == BODY
    table["seconds"] = table.pop("frame") / FPS
    again = read_tracks(written(tmp_path, table), FPS, BODY)
    np.testing.assert_array_equal(again.x, places.x)


X = np.array([[10.0, 80], [12, 82], [14, 84], [16, 86]])
Y = np.full_like(X, 50)
GUESSED = np.array([[0, 0], [0, 1], [1, 0], [0, 0]], bool)


def write_idtracker(folder):
    sure = np.where(GUESSED, -1, 0.9)
    columns = [f"{name}{k}" for k in (1, 2) for name in ("X", "Y", "ProbId")]
    told = np.stack([X, Y, sure], axis=-1).reshape(4, 6)
    lines = ["\t".join([*columns, ""]), *("\t".join(map(str, row)) for row in told)]
    (folder / "trajectories.txt").write_text("\n".join(lines))
    return folder / "trajectories.txt"


def idtracker_ai():
    sure = np.where(GUESSED, np.nan, 0.9)[..., None]
    return {"trajectories": np.stack([X, Y], axis=-1), "id_probabilities": sure}


def write_h5(folder):
    with h5py.File(folder / "trajectories.h5", "w") as file:
        for name, one in idtracker_ai().items():
            file.create_dataset(name, data=one)
        file.attrs.update({"body_length": BODY, "frames_per_second": FPS, "version": "6.0"})
    return folder / "trajectories.h5"


def write_npy(folder):
    told = idtracker_ai() | {"body_length": BODY, "frames_per_second": FPS, "video_paths": ["a"]}
    np.save(folder / "trajectories.npy", told, allow_pickle=True)
    return folder / "trajectories.npy"


def write_trex(folder):
    for k in (0, 1):
        kept = np.arange(4 - k)  # one is not tracked to the end
        lost = GUESSED[kept, k]
        place = {
            f"{c}#wcentroid": np.where(lost, np.inf, one[kept, k])
            for c, one in zip("XY", (X, Y), strict=True)
        }
        told = {"frame": kept, "missing": lost.astype(float), "time": kept / FPS}
        np.savez(folder / f"film [1]_fish{k}.npz", **told, **place)
    np.savez(folder / "film [1]_posture_fish0.npz", frame=[0])
    return folder / "film [1]_fish1.npz"


@pytest.mark.parametrize("write", [write_idtracker, write_h5, write_npy, write_trex])
def test_files_of_trackers_are_read_without_what_they_filled_in(write, tmp_path):
    path = write(tmp_path)
    places = read_tracks(path, FPS, BODY)
    seen = ~GUESSED
    if write is write_trex:
        seen = seen & [[True, True]] * 3 + [[True, False]]
    np.testing.assert_array_equal(places.apart, seen)
    np.testing.assert_array_equal(places.x[seen], X[seen])
    np.testing.assert_array_equal(places.y[seen], Y[seen])
    if write in (write_h5, write_npy):
        assert read_tracks(path, FPS).body == BODY
    else:
        with pytest.raises(ValueError, match="how long an animal is"):
            read_tracks(path, FPS)


KEYPOINTS = np.array([  # (T, n, K, 2): snout, back and tail of two animals, 10 px long
    [[[10.0, 5], [5, 5], [0, 5]], [[50, 90], [50, 95], [50, 100]]],
    [[[13.0, 5], [8, 5], [3, 5]], [[50, 90], [50, np.nan], [50, 100]]],
    [[[16.0, 5], [11, 5], [6, 5]], [[np.nan, np.nan]] * 3],
])  # fmt: skip


def write_sleap(folder):
    with h5py.File(folder / "film.analysis.h5", "w") as file:
        file.create_dataset("tracks", data=KEYPOINTS.transpose(1, 3, 2, 0))
        file.create_dataset("node_names", data=[b"Head", b"back", b"tail_base"])
    return folder / "film.analysis.h5"


def write_deeplabcut(folder, animals=("one", "two")):
    points = np.nan_to_num(KEYPOINTS, nan=7.0)[:, : len(animals)]
    sure = np.where(np.isfinite(KEYPOINTS).all(axis=-1), 0.9, 0.1)[:, : len(animals)]
    told = np.concatenate([points, sure[..., None]], axis=-1).reshape(3, -1)
    rows = [[a, part, c] for a in animals for part in ("snout", "back", "tail") for c in "xyp"]
    names = ["individuals", "bodyparts", "coords"] if len(animals) > 1 else ["bodyparts", "coords"]
    head = np.array(rows).T[-len(names) :].tolist()
    lines = [["scorer", *["DLC"] * len(rows)], *([a, *b] for a, b in zip(names, head, strict=True))]
    lines += [[t, *row] for t, row in enumerate(told)]
    (folder / "filmDLC.csv").write_text("\n".join(",".join(map(str, line)) for line in lines))
    return folder / "filmDLC.csv"


@pytest.mark.parametrize("write", [write_sleap, write_deeplabcut])
def test_of_keypoints_the_mean_is_read_and_the_heading_from_snout_and_tail(write, tmp_path):
    places = read_tracks(write(tmp_path), FPS)
    assert places.body == 10
    np.testing.assert_array_equal(places.apart, [[True, True], [True, True], [True, False]])
    np.testing.assert_allclose(places.x, [[5, 50], [8, 50], [11, 50]])
    np.testing.assert_allclose(places.y[:, 1], 95)  # the middle of the two keypoints seen
    np.testing.assert_allclose(places.heading[0], [0, -np.pi / 2])  # y points down


def test_deeplabcut_s_table_of_one_animal_names_none(tmp_path):
    places = read_tracks(write_deeplabcut(tmp_path, ("one",)), FPS)
    np.testing.assert_allclose(places.x.ravel(), [5, 8, 11])


def test_tracks_without_a_film_are_drawn_and_opened_like_any(tmp_path):
    film = tank.simulate_film(tank.TankConfig(), 3, 900)
    n_fish, (x, y) = 6, (film.tracks.variable(name) for name in "xy")
    frame, animal = np.divmod(np.arange(900 * n_fish), n_fish)
    told = {"frame": frame, "animal": animal, "x": x.ravel() / 10, "y": y.ravel() / 10}  # in cm
    table = pd.DataFrame(told | {"heading": film.tracks.heading.ravel(), "length": 3.2})
    short = (table.animal == 2) & table.frame.between(200, 229)
    long = (table.animal == 4) & table.frame.between(500, 589)  # three seconds
    path, folder = written(tmp_path, table[~short & ~long]), tmp_path / "drawn"
    assert main(["draw", str(path), "--fps", "30", "--out", str(folder)]) == 0
    opened = open_film(str(folder / "films.csv"), cache_dir=tmp_path / "cache", progress=False)
    assert (opened.fps, len(opened.motion)) == (30, 900)
    edges = opened.pieces[["start", "stop"]].to_numpy().ravel()
    np.testing.assert_allclose(edges, [0, 500, 590, 900], atol=5)
    truth = open_film("simulated", 3, 0.5, cache_dir=tmp_path / "cache", progress=False)
    same = np.r_[5:195, 240:490, 600:890]
    assert np.corrcoef(opened.motion[same], truth.motion[same])[0, 1] > 0.9
    places = with_tracks(opened, "").places
    across = (places.x - places.x[:, :1])[100] / places.body
    np.testing.assert_allclose(across, (x - x[:, :1])[100] / 32, atol=0.01)
    assert not places.apart[210, 2] and places.apart[210, [0, 1, 3, 4, 5]].all()


def test_tracks_are_as_long_as_the_film(tmp_path):
    table = pd.DataFrame({"frame": range(4), "animal": 0, "x": 5.0, "y": 6.0, "heading": 1.0})
    path = written(tmp_path, table)
    longer, shorter = (read_tracks(path, FPS, BODY, n_frames=n) for n in (6, 3))
    assert longer.apart.ravel().tolist() == [True] * 4 + [False] * 2
    assert len(shorter) == 3 and (shorter.heading == 1).all()
    table["seconds"] = table.pop("frame") / (2 * FPS)  # filmed twice as fast as it is kept
    table["x"] = [1.0, 2, 3, 4]
    assert read_tracks(written(tmp_path, table), FPS, BODY, every=2).x.ravel().tolist() == [1, 3]


def test_an_array_file_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    np.save(tmp_path / "tracks.npy", {"trajectories": Evil()}, allow_pickle=True)
    with pytest.raises(ValueError, match=r"would run builtins\.print"):
        read_tracks(tmp_path / "tracks.npy", FPS, BODY)
    assert pickle.loads(pickle.dumps(Evil())) is None  # that it would run


def test_who_is_not_seen_stays_and_a_step_that_no_animal_makes_is_not_believed():
    x = np.array([[10.0], [12.0], [np.nan], [14.0], [400.0], [16.0]])
    places = places_from(x, np.full_like(x, 5.0), FPS, BODY)
    assert places.apart.ravel().tolist() == [True, True, False, True, False, True]
    assert places.x.ravel().tolist() == [10, 12, 12, 14, 14, 16]


def test_an_animal_that_really_went_far_is_believed_again():
    x = np.array([10.0] + [300.0] * 20)[:, None]
    seen = places_from(x, np.zeros_like(x), FPS, BODY).apart.ravel()
    assert not seen[1] and seen[-1]


def test_places_of_tracks_do_not_know_the_future():
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 3, (2, 200, 3)).cumsum(axis=1)
    x[rng.random(x.shape) < 0.1] = np.nan
    one = places_from(x, y, FPS, BODY)
    later = x.copy()
    later[120:] += 15
    other = places_from(later, y, FPS, BODY)
    for name in ("x", "y", "heading", "apart"):
        np.testing.assert_array_equal(getattr(one, name)[:120], getattr(other, name)[:120])


def test_what_is_no_table_of_tracks_is_refused(tmp_path):
    table = pd.DataFrame({"frame": [0, 0], "animal": [1, 1], "x": [1, 2], "y": [3, 4]})
    with pytest.raises(ValueError, match="animal 1 twice at frame 0"):
        read_tracks(written(tmp_path, table.astype(object)), FPS, BODY)
    with pytest.raises(ValueError, match="no column animal"):
        read_tracks(written(tmp_path, table.drop(columns="animal")), FPS, BODY)
    with pytest.raises(ValueError, match="holds no tracks"):
        read_tracks(written(tmp_path, table[:0]), FPS, BODY)
    with pytest.raises(ValueError, match="none of the files of tracks"):
        read_tracks(tmp_path / "tracks.mat", FPS, BODY)
    with h5py.File(tmp_path / "of_another.h5", "w") as file:
        file.create_dataset("tracks", data=[1])
    with pytest.raises(ValueError, match=r"holds no tracks, as a \.h5 file does"):
        read_tracks(tmp_path / "of_another.h5", FPS, BODY)


def test_the_tank_takes_no_tracks():
    with pytest.raises(ValueError, match="this is the tank: give the film"):
        with_tracks(open_film("simulated", minutes=1), "tracks.csv")


def test_a_film_takes_the_places_that_a_tracker_wrote_beside_it(tmp_path, monkeypatch):
    made = tank.simulate_film(tank.TankConfig(), 4, 400, (480, 640))
    path = write_video(tmp_path / "film.avi", np.repeat(made.frames, 2, axis=0), 60.0)
    place = np.repeat(2 * made.tracks.position, 2, axis=0)  # of every second frame, px as filmed
    frame, animal = np.divmod(np.arange(800 * 6), 6)
    x, y = place.reshape(-1, 2).T
    table = pd.DataFrame({"frame": frame, "animal": animal, "x": x, "y": y})
    film = open_film(str(path), cache_dir=tmp_path, progress=False)
    seen = with_tracks(film, written(tmp_path, table))
    assert film.fps == 30.0 and len(seen.motion) == len(places_of(seen)) == 400
    np.testing.assert_allclose(seen.places.x, made.tracks.position[..., 0], atol=0.01)
    np.testing.assert_allclose(seen.places.y, made.tracks.position[..., 1], atol=0.01)
    assert seen.places.body == pytest.approx(find_places(film).body)
    assert seen.places.apart.all() and with_tracks(film, "") is film
    assert with_tracks(film, tmp_path / "tracks.csv", body=60.0).places.body == 30.0
    monkeypatch.setattr("fishlib.animals.find_places", lambda film: nowhere(400, "It is dark."))
    with pytest.raises(ValueError, match=r"nor does the film: It is dark\. Give a table"):
        with_tracks(film, tmp_path / "tracks.csv")


HEADERS = {
    "capitals and spaces": b" Frame , Animal , X , Y \n 0 , 1 , 2.5 , 3 \n",
    "semicolons and decimal commas": b"frame;animal;x;y\n0;1;2,5;3,0\n",
    "tabs": b"frame\tanimal\tx\ty\n0\t1\t2.5\t3\n",
    "another tool's names": b"time_s,track_id,x_px,y_px\n0,1,2.5,3\n",
    "a mark and CRLF": b"\xef\xbb\xbfframe,animal,x,y\r\n0,1,2.5,3\r\n",
    "UTF-16": "frame,animal,x,y\n0,f\u00fc,2.5,3\n".encode("utf-16"),
    "the Windows code page": "frame,animal,x,y\n0,f\u00fc,2.5,3\n".encode("cp1252"),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_tables_of_other_programs_are_read(tmp_path, kind):
    path = tmp_path / "tracks.csv"
    path.write_bytes(HEADERS[kind])
    place, _ = load_tracks(path, 30.0)
    assert place.tolist() == [[[2.5, 3.0]]]


NO_TRACKS = {
    "empty.csv": b"", "binary.npy": b"hello", "zip.npz": b"PK no", "text.txt": b"x\ty\na\tb\n",
    "far.csv": b"frame,animal,x,y\n1000000000000,1,2,3\n", "none.csv": b"frame,animal,x,y\n",
    "lost.csv": b"frame,animal,x,y\n0,1,2,3\n1,1,lost,3\n",
    "early.csv": b"seconds,animal,x,y\n0,1,2,3\n-2,1,2,3\n-1,1,2,3\n",
}  # fmt: skip


@pytest.mark.parametrize("name", NO_TRACKS)
def test_whatever_is_wrong_with_tracks_one_sentence_names_the_file(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(NO_TRACKS[name])
    with pytest.raises(ValueError, match=name) as caught:
        load_tracks(path, 30.0)
    assert "\n" not in str(caught.value)
    if name == "lost.csv":
        assert "line 3: 'lost' in column x is no number" in str(caught.value)
    if name == "early.csv":
        assert "has 2 places before the film, the first in line 3" in str(caught.value)


def test_seconds_of_a_fast_film_are_read_before_a_run(tmp_path):
    film = write_video(tmp_path / "film.avi", np.zeros((800, 24, 32), np.uint8), 60.0)
    table = pd.DataFrame({"seconds": np.arange(800) / 60, "animal": 1, "x": 2.0, "y": 3.0})
    check_inputs({"source": str(film), "tracks": str(written(tmp_path, table))})


def test_films_of_a_table_take_their_own_tracks(tmp_path):
    """Two films of one tank, filmed upright and twice as large; the third has no tracks."""
    made = tank.simulate_film(tank.TankConfig(), 4, 400)
    for name, size in {"a": 1, "b": 2, "c": 1}.items():
        frames = made.frames.repeat(size, axis=1).repeat(size, axis=2)
        write_video(tmp_path / f"{name}.avi", frames, 30.0)
    frame, animal = np.divmod(np.arange(400 * 6), 6)
    x, y = made.tracks.position.reshape(-1, 2).T
    for name, size in {"a": 1, "b": 2}.items():
        told = pd.DataFrame({"frame": frame, "animal": animal, "x": size * x, "y": size * y})
        told.to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "films.csv").write_text("film,tracks\na.avi,a.csv\nb.avi,b.csv\nc.avi,\n")
    films = open_film(str(tmp_path / "films.csv"), cache_dir=tmp_path, progress=False)
    places = with_tracks(films, "").places
    assert len(places) == 1200
    a, b, c = (places.x[k : k + 400] for k in (0, 400, 800))
    np.testing.assert_allclose(a, made.tracks.position[..., 0], atol=0.01)
    scale = places.body / find_places(films.members[1]).body
    np.testing.assert_allclose(b, scale * made.tracks.position[..., 0], atol=0.01)
    np.testing.assert_array_equal(c, find_places(films.members[2]).x)
