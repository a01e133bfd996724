import os

import moving_fish
import numpy as np
import pandas as pd
import pytest

from fishlib import side_by_side
from fishlib.animals import find_places
from fishlib.evaluation.judge import read_events
from fishlib.pipeline import check_inputs
from fishlib.questions import label_onsets
from fishlib.recording import at_size, open_film
from fishlib.recording.films import account_for, list_films
from fishlib.video import write_video


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two films and a broken one; the second at another rate."""
    folder = tmp_path_factory.mktemp("films")
    for k, fps in ((2, 30), (10, 25)):
        fish = moving_fish.film(10 * fps, (240, 320), seed=k)
        write_video(folder / f"fish{k}.avi", fish, fps)
    (folder / "fish3.avi").write_bytes(b"no film")
    return folder


@pytest.fixture(scope="module")
def films(folder, tmp_path_factory):
    return open_film(str(folder), cache_dir=tmp_path_factory.mktemp("cache"), progress=False)


def test_films_are_one_series_with_borders(folder, films):
    one = open_film(str(folder / "fish2.avi"), cache_dir=films.folder.parent, progress=False)
    other = open_film(str(folder / "fish10.avi"), cache_dir=films.folder.parent, progress=False)
    assert films.name == "2 films"
    assert films.fps == 30
    assert films.pieces.film.tolist() == ["fish2", "fish10"]
    assert films.pieces.start.tolist() == [0, 300]
    assert films.pieces.stop.tolist() == [300, 600]
    for member, first in ((one, 0), (other, 300)):
        t = np.minimum(
            np.rint(np.arange(300) * member.fps / 30).astype(int), len(member.motion) - 1
        )
        np.testing.assert_array_equal(films.frames[first : first + 300], member.frames[t])
        np.testing.assert_array_equal(films.motion[first : first + 300], member.motion[t])
    assert any("fish10: its 25 frames" in remark for remark in films.remarks)


def test_films_in_the_cache_are_opened_without_a_process(folder, films, monkeypatch):
    def refuse(calls, n_jobs):
        assert not calls
        return {}

    monkeypatch.setattr(side_by_side, "side_by_side", refuse)
    again = open_film(str(folder), cache_dir=films.folder.parent, progress=False)
    np.testing.assert_array_equal(again.motion, films.motion)
    with pytest.raises(AssertionError):
        open_film(str(folder), minutes=0.1, cache_dir=films.folder.parent, progress=False)


def test_a_film_that_cannot_be_used_is_left_out_and_said(films):
    said = [remark for remark in films.remarks if remark.startswith("fish3.avi is left out: ")]
    assert len(said) == 1


def test_each_film_is_accounted_for(films):
    table = account_for(films, [10, 20, 310]).set_index("film")
    assert table.onsets.to_dict() == {"fish2": 2, "fish10": 1, "fish3.avi": 0}
    assert table.minutes.tolist() == pytest.approx([1 / 6, 1 / 6, 0])
    assert table.note["fish3.avi"].startswith("left out: ")


def test_a_picture_beside_films_does_not_make_them_frames(tmp_path):
    for name in ("a.avi", "b.avi", "thumb.png"):
        (tmp_path / name).touch()
    assert len(list_films(str(tmp_path))) == 2


def test_where_no_film_can_be_used_a_sentence_says_why_of_each(tmp_path):
    for name in ("a.avi", "b.avi"):
        (tmp_path / name).write_bytes(b"no film")
    with pytest.raises(ValueError, match=r"None of the 2 films .*a\.avi.*b\.avi"):
        open_film(str(tmp_path))


def test_an_excerpt_comes_from_the_film_that_holds_it(films):
    exact = films.excerpt(325, 335)
    t = np.rint(np.arange(25, 35) * 25 / 30).astype(int)
    np.testing.assert_array_equal(exact, films.members[1].excerpt(t[0], t[-1] + 1)[t - t[0]])
    assert len(films.excerpt(295, 310)) == 5


def test_a_stretch_stays_in_its_piece(films):
    assert films.stretch_at(290, 20) == slice(280, 300)
    assert films.stretch_at(305, 20) == slice(305, 325)
    assert films.stretch_at(100, 900) == slice(0, 300)
    assert films.longest_piece == slice(0, 300)


def test_films_at_another_size_keep_their_borders(films):
    small = at_size(films, (30, 40), progress=False)
    assert small.frames.shape == (600, 30, 40)
    pd.testing.assert_frame_equal(small.pieces, films.pieces)


def test_no_question_reaches_from_one_film_into_the_next(films):
    label = label_onsets(films.motion, 40, 1e-3, 1.0, past=110, pieces=films.pieces)
    asked = np.flatnonzero(label >= 0)
    first = films.pieces.start.to_numpy()
    of = np.searchsorted(first, asked, "right") - 1
    assert (asked - first[of] >= 109).all()
    assert (asked + 40 < films.pieces.stop.to_numpy()[of]).all()


def test_the_places_of_films_stand_one_after_the_other(films):
    places = find_places(films, n_animals=6)
    alone = find_places(films.members[0], n_animals=6)
    assert len(places) == 600
    np.testing.assert_array_equal(places.x[:300], alone.x)


def test_films_are_listed_from_a_folder_a_pattern_and_a_table(folder, tmp_path):
    names = ["fish2.avi", "fish3.avi", "fish10.avi"]
    paths = [str(folder / name) for name in names]
    assert list_films(str(folder)).film.tolist() == paths
    assert list_films(str(folder / "fish*.avi")).film.tolist() == paths
    assert list_films(paths[0]) is None
    table = tmp_path / "films.csv"
    table.write_text(
        f"film;group;recording\n{paths[0]};tank 1;a\n{paths[2]};tank 1;a\n{paths[1]};tank 2;\n",
        encoding="utf-8-sig",
    )
    told = list_films(str(table))
    assert told.film.tolist() == [os.pathsep.join([paths[0], paths[2]]), paths[1]]
    assert told.group.tolist() == ["tank 1", "tank 2"]
    with pytest.raises(FileNotFoundError, match="matches no film"):
        list_films(str(folder / "*.mov"))
    table.write_text("name\nx\n")
    with pytest.raises(ValueError, match="is no table of films"):
        list_films(str(table))


def test_a_table_names_events_and_tracks_of_each_film(tmp_path):
    table = tmp_path / "films.csv"
    table.write_text(
        "film,recording,events,tracks\na.avi,1,,\nb.avi,1,b.csv, \nc.avi,2,sub/c.csv,\nd.avi,,,\n"
    )
    told = list_films(str(table))
    assert told.columns.tolist() == ["film", "group", "events"]  # nothing is tracked
    assert told.events[:2].tolist() == [str(tmp_path / "b.csv"), str(tmp_path / "sub" / "c.csv")]
    assert told.events.isna().tolist() == [False, False, True]


def test_events_of_each_film_are_counted_from_its_beginning(folder, tmp_path):
    """At 30 frames a second fish2 begins at frame 0, fish10 at 300; fish3 cannot be used."""
    (tmp_path / "films.csv").write_text(
        f"film,events\n{folder / 'fish3.avi'},none.csv\n{folder / 'fish2.avi'},\n"
        f"{folder / 'fish10.avi'},b.csv\n"
    )
    (tmp_path / "b.csv").write_text("time,behavior\n2.5,burst\n0.1,burst\n11,burst\n")
    films = open_film(str(tmp_path / "films.csv"), cache_dir=tmp_path, progress=False)
    events = read_events("", films.pieces, films.fps)
    assert events.onset.tolist() == [303, 375]  # the third is after the end
    assert events.onset_s.tolist() == [10.1, 12.5]
    assert "events" in at_size(films, (30, 40), progress=False).pieces


def test_a_run_asks_for_the_events_that_its_table_of_films_names(folder, tmp_path):
    source = str(tmp_path / "films.csv")
    (tmp_path / "films.csv").write_text(f"film,events\n{folder / 'fish2.avi'},b.csv\n")
    with pytest.raises(OSError, match=r"b\.csv"):
        check_inputs({"source": source})
    (tmp_path / "b.csv").write_text("time\n2.5\n")
    check_inputs({"source": source})
    with pytest.raises(ValueError, match=r"events are given twice: in .*films\.csv, and by -p"):
        check_inputs({"source": source, "events": "all.csv"})


def test_a_folder_of_images_is_one_film_and_one_of_folders_is_several(tmp_path):
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"")
    assert list_films(str(tmp_path / "a")) is None
    assert list_films(str(tmp_path)).film.tolist() == [str(tmp_path / k) for k in "ab"]


TABLES = {
    "in the Windows code page": "film\n\u00fc.avi\n".encode("cp1252"),
    "in UTF-16": "film\n\u00fc.avi\n".encode("utf-16"),
    "with capitals and spaces": " Film , Group\n \u00fc.avi , 1\n".encode(),
    "of Windows": b"film\nsub\\c.avi\n",
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_films_are_read_as_other_programs_write_them(tmp_path, kind):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.avi").touch()
    (tmp_path / "\u00fc.avi").touch()
    table = tmp_path / "films.csv"
    table.write_bytes(TABLES[kind])
    (film,) = list_films(str(table)).film
    assert os.path.exists(film)


WRONG_TABLES = {
    "twice": ("film\na.avi\n./a.avi\n", "a.avi twice: name each film once"),
    "empty": ("", "is no table"),
    "unclosed": ('film\n"a.avi\n', "is no table"),
    "events": (
        "film,recording,events\na.avi,1,e.csv\nb.avi,1,f.csv\n",
        "several events for 1, one film in several files",
    ),
}


@pytest.mark.parametrize("kind", WRONG_TABLES)
def test_a_table_of_films_that_would_mislead_is_refused(tmp_path, kind):
    text, said = WRONG_TABLES[kind]
    (tmp_path / "films.csv").write_text(text)
    with pytest.raises(ValueError, match=f"films.csv .*{said}"):
        list_films(str(tmp_path / "films.csv"))
