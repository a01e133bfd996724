import numpy as np
import pandas as pd

from fishlib.splits import blocked_folds, by_piece, split_frames, whole


def test_the_published_film_is_cut_as_published():
    parts = split_frames(53_916, embargo=0)
    sizes = {name: part.stop - part.start for name, part in parts.items()}
    assert sizes == {"train": 44_956, "validation": 3_593, "test": 5_367}


def test_no_window_reaches_over_a_border():
    parts = split_frames(20_000)
    for earlier, later in (("train", "validation"), ("validation", "test")):
        assert parts[later].start - 119 > parts[earlier].stop - 1 + 45


def test_folds_cover_every_frame_once_and_keep_their_distance():
    folds = blocked_folds(3000, 4, embargo=100)
    np.testing.assert_array_equal(np.concatenate([test for _, test in folds]), np.arange(3000))
    for train, test in folds:
        assert np.abs(train[:, None] - test[[0, -1]]).min() > 100 - 1
        assert not np.intersect1d(train, test).size


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
