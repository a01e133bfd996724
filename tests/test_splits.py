import numpy as np
import pandas as pd
import pytest

from fishlib.splits import (
    by_piece,
    cut_at_folds,
    edges_of,
    from_edges,
    make_folds,
    name_parts,
    split_film,
    split_frames,
    training_frames,
    whole,
)


def test_the_published_film_is_cut_as_published():
    parts = split_frames(53_916, embargo=0)
    sizes = {name: part.stop - part.start for name, part in parts.items()}
    assert sizes == {"train": 44_956, "validation": 3_593, "test": 5_367}


def test_no_window_reaches_over_a_border():
    parts = split_frames(20_000)
    for earlier, later in (("train", "validation"), ("validation", "test")):
        assert parts[later].start - 119 > parts[earlier].stop - 1 + 45


def test_folds_cover_every_frame_once_and_keep_their_distance():
    folds = make_folds(whole(3000), 5, embargo=100)
    np.testing.assert_array_equal(np.concatenate([fold["test"] for fold in folds]), np.arange(3000))
    for fold in folds:
        for part, from_part in (("train", "test"), ("train", "validation"), ("validation", "test")):
            apart = np.abs(fold[part][:, None] - fold[from_part][None, :]).min()
            assert apart >= 100


def test_each_fold_is_chosen_on_the_one_before_it():
    folds = make_folds(whole(3000), 5, embargo=0)
    for k, fold in enumerate(folds):
        np.testing.assert_array_equal(fold["validation"], folds[k - 1]["test"])
        assert sum(len(part) for part in fold.values()) == 3000


def test_with_four_films_a_fold_is_whole_films_and_no_frame_is_lost_at_their_borders():
    edges = np.array([0, 500, 900, 1900, 2500, 2600])
    films = pd.DataFrame({"film": list("abcde"), "start": edges[:-1], "stop": edges[1:]})
    for fold in make_folds(films, 4, embargo=100):
        of = {part: set(np.searchsorted(edges, at, "right")) for part, at in fold.items()}
        assert not of["test"] & of["train"] and not of["test"] & of["validation"]
        assert sum(len(part) for part in fold.values()) == 2600
    assert len(make_folds(films, 9)) == 5


def test_a_group_of_films_stays_in_one_fold():
    edges = np.arange(0, 3500, 500)
    films = pd.DataFrame({"film": list("abcdef"), "start": edges[:-1], "stop": edges[1:]})
    films["group"] = ["x", "y", "x", "z", "y", "w"]
    for fold in make_folds(films, 5):
        for part in fold.values():
            held = set(np.searchsorted(edges, part, "right") - 1)
            assert all(held >= set(same) or not held & set(same) for same in ((0, 2), (1, 4)))


def test_how_a_film_is_split_follows_from_its_length():
    def film(minutes: float) -> tuple:
        n_frames = round(minutes * 1800)
        return whole(n_frames), n_frames, 30.0

    assert split_film(*film(0.9), folds=5) == []
    assert [set(fold) for fold in split_film(*film(2), folds=5)] == [{"train", "test"}] * 5
    assert set(split_film(*film(7), folds=5)[0]) == {"train", "validation", "test"}
    assert split_film(*film(20), folds=1) == [split_frames(36_000)]
    assert split_film(*film(2), folds=1) == []
    with pytest.raises(ValueError, match="folds is 2"):
        split_film(*film(20), folds=2)


def test_parts_become_edges_and_come_back():
    parts = {"train": np.array([3, 4, 5, 9, 11, 12]), "test": slice(2, 7)}
    edges = edges_of(parts)
    assert edges == {"train": [[3, 6], [9, 10], [11, 13]], "test": [[2, 7]]}
    back = from_edges(edges)
    np.testing.assert_array_equal(back["train"], parts["train"])
    assert back["test"] == slice(2, 7)


def test_pieces_end_where_another_fold_begins_to_be_judged():
    pieces = pd.DataFrame({"film": ["a", "b"], "start": [0, 6], "stop": [5, 9]})
    cut = cut_at_folds(pieces, make_folds(pieces, 3, embargo=0))
    assert cut[["film", "start", "stop", "fold"]].to_numpy().tolist() == [
        ["a", 0, 3, 0], ["a", 3, 5, 1], ["b", 6, 7, 1], ["b", 7, 9, 2],
    ]  # fmt: skip


def test_a_film_is_split_from_where_its_test_part_can_be_judged_on():
    lengths = [n for n in range(500, 20_000, 50) if split_frames(n)]
    test = split_frames(lengths[0])["test"]
    assert 1000 <= test.stop - test.start < 1010
    assert lengths == list(range(lengths[0], 20_000, 50))


def test_nothing_reaches_across_a_border_of_pieces():
    pieces = pd.DataFrame({"film": ["a", "b"], "start": [0, 6], "stop": [4, 9]})
    sums = by_piece(np.cumsum, pieces, np.arange(10.0))
    np.testing.assert_array_equal(sums, [0, 1, 3, 6, np.nan, np.nan, 6, 13, 21, np.nan])
    np.testing.assert_array_equal(by_piece(np.cumsum, whole(3), np.ones(3)), [1, 2, 3])


def test_a_question_is_fixed_on_the_training_part_or_on_all_pieces():
    pieces = whole(3000).assign(stop=2900)
    one, folds = [split_frames(20_000)], make_folds(pieces, 5)
    assert training_frames(one, pieces, 20_000) == one[0]["train"]
    assert training_frames(folds, pieces, 3000).sum() == 2900
    assert training_frames([], pieces, 3000).sum() == 2900
    assert name_parts(one) == one[0]
    np.testing.assert_array_equal(name_parts(folds)["fold 2"], folds[1]["test"])
