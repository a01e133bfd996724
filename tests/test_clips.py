import numpy as np
import pandas as pd
import pytest

from fishlib.clips import (
    ClipDataset,
    class_weights,
    clip_at,
    motion_channels,
    single_channel,
    time_channels,
)


@pytest.fixture(scope="module")
def film():
    return np.random.default_rng(0).integers(0, 256, (200, 12, 16), dtype=np.uint8)


def slow_clip(frames, t, n, channels):
    clip = np.zeros((n, *frames.shape[1:], channels), np.float32)
    for i in range(n):
        for k in range(channels):
            frame = frames[t - channels * n + 1 + channels * i + k]
            clip[i, :, :, k] = frame.astype(np.float32) / np.float32(255)
    return clip


@pytest.mark.parametrize(("n", "channels", "t"), [(30, 4, 119), (30, 4, 199), (90, 1, 89)])
def test_clips_equal_the_slow_loop_bit_for_bit(film, n, channels, t):
    clip = clip_at(film, t, time_channels(n, channels))
    assert clip.dtype == np.float32
    np.testing.assert_array_equal(clip, slow_clip(film, t, n, channels))


def test_single_channel_ends_with_the_current_frame(film):
    clip = clip_at(film, 149, single_channel(90))
    np.testing.assert_array_equal(clip, slow_clip(film, 149, 90, 1))


def test_a_clip_does_not_reach_before_the_film(film):
    with pytest.raises(ValueError, match="clips begin at frame 119"):
        clip_at(film, 118)


def test_motion_channels_are_the_frame_and_its_signed_differences(film):
    clip = clip_at(film, len(film) - 1, motion_channels((-16, -8, 0), (1, 4), gain=4.0))
    x = film.astype(float) / 255
    for i, step in enumerate((-16, -8, 0)):
        t = len(film) - 1 + step
        expected = [x[t], 3 * (x[t] - x[t - 1]), 3 * (x[t] - x[t - 4])]
        np.testing.assert_allclose(clip[i], 4 * np.stack(expected, -1), atol=1e-5)
    assert motion_channels().past == 21
    assert motion_channels().shape == (3, 3)


def labels_for(film):
    labels = np.full(len(film), -1, np.int8)
    labels[119:180] = np.arange(61) % 5 == 0
    return labels


def test_the_four_flips_are_all_seen_once(film):
    data = ClipDataset(film, labels_for(film), flips=4, batch_size=4)
    clips, targets = data[0]
    clip = slow_clip(film, 119, 30, 4)
    flipped = [clip, clip[:, :, ::-1], clip[:, ::-1], clip[:, ::-1, ::-1]]
    np.testing.assert_array_equal(clips, flipped)
    assert len(data) == 61 and targets.tolist() == [1, 1, 1, 1]


def test_only_labelled_frames_of_the_split_are_used(film):
    data = ClipDataset(film, labels_for(film), at=slice(170, 200), batch_size=3)
    assert (data.codes // 4).tolist() == list(range(170, 180))
    assert len(data) == 4 and len(data[3][0]) == 1


def test_no_clip_reaches_from_one_piece_into_another(film):
    pieces = pd.DataFrame({"film": "film", "start": [0, 80], "stop": [80, 200]})
    layout = time_channels(5, 4)  # reaches back over 20 frames
    data = ClipDataset(film, np.zeros(200, np.int8), layout=layout, pieces=pieces)
    assert (data.codes // 4).tolist() == [*range(19, 80), *range(99, 200)]


def test_the_shuffle_is_seeded_and_truly_mixes(film):
    def order(seed, epochs=0):
        data = ClipDataset(film, labels_for(film), flips=4, shuffle=True, seed=seed)
        for _ in range(epochs):
            data.on_epoch_end()
        return data.order

    np.testing.assert_array_equal(order(1, 2), order(1, 2))
    assert (order(1) != order(2)).any() and (order(1) != order(1, 1)).any()
    np.testing.assert_array_equal(np.sort(order(1)), np.sort(order(1, 1)))
    moved = np.abs(np.argsort(order(1)) - np.arange(244)).mean() / 244
    assert 0.25 < moved < 0.42  # a full mix moves a sample by a third of the whole on average


def test_of_the_frames_to_choose_by_some_are_taken(film):
    labels = np.where(np.arange(200) % 2, 1, -1)
    data = ClipDataset(film, labels, slice(100, 200), single_channel(5), batch_size=8, every=3)
    assert np.concatenate([data.batch(i) for i in range(len(data))]).tolist() == [
        4 * t for t in range(101, 200, 6)
    ]


def test_class_weights_balance_the_classes(film):
    labels = labels_for(film)
    weights = class_weights(labels)
    positives, negatives = (labels == 1).sum(), (labels == 0).sum()
    assert weights[1] * positives == pytest.approx(weights[0] * negatives)
    _, targets, sample_weights = ClipDataset(film, labels, weights=weights)[0]
    np.testing.assert_allclose(sample_weights, [weights[int(y)] for y in targets])


def test_memory_mapped_frames_stay_on_disk(film, tmp_path):
    np.save(tmp_path / "frames.npy", film)
    frames = np.load(tmp_path / "frames.npy", mmap_mode="r")
    data = ClipDataset(frames, labels_for(film), layout=time_channels(5, 4))
    assert isinstance(data.frames, np.memmap)
    np.testing.assert_array_equal(data[0][0][0], slow_clip(film, 119, 5, 4))


def test_bad_input_is_refused(film):
    with pytest.raises(ValueError, match="200 frames but 10 labels"):
        ClipDataset(film, np.ones(10))
    with pytest.raises(ValueError, match="No labelled frame"):
        ClipDataset(film, np.full(200, -1))


def test_mixed_channels_are_flipped_like_the_frames(film):
    layout = motion_channels()
    clips = layout.gather(film, np.full(4, 150), np.arange(4))
    for clip, (down, right) in zip(clips, [(1, 1), (1, -1), (-1, 1), (-1, -1)], strict=True):
        flipped = np.ascontiguousarray(film[:, ::down, ::right])
        np.testing.assert_array_equal(clip, layout.gather(flipped, np.array([150]))[0])


def test_a_batch_is_aligned_so_that_tensorflow_need_not_copy_it(film):
    for batch_size in (1, 3, 5):
        clips, _ = ClipDataset(film, labels_for(film), batch_size=batch_size)[0]
        assert clips.flags.c_contiguous
        assert clips.ctypes.data % 64 == 0
