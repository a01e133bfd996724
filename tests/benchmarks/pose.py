"""What a perfect tracker would see in the tank: distances, facing and closing of all pairs."""

import numpy as np

from fishlib.tank.fish import Tracks, pair_geometry

CLOSEST = 6  # pairs described, in three orders
FAR = 1e3  # distance (px) given to a fish from itself, to sort it last


def pose_features(tracks: Tracks) -> np.ndarray:
    """Hand-made features of where the fish are and how they move, without their hidden state.

    Ordered pairs (i, j) of different fish are sorted by distance, by how fast i swims towards j,
    and by the same with a preference for what is straight ahead; of the first six of each order
    the distance (px), the cosine between i's heading and the way to j, the speed of i towards j
    and the speed at which the gap closes (px/frame) are kept. Last come the mean and the largest
    speed of the fish.

    Parameters
    ----------
    tracks : Tracks
        What the fish did; positions, headings and speeds are read, nothing else.

    Returns
    -------
    ndarray, float64 (T, 74)
        Row t reads frame t only. With fewer than three fish there are fewer columns.
    """
    place, heading = tracks.position.astype(float), tracks.heading.astype(float)
    speed = tracks.speed.astype(float)
    _, _, distance, facing = pair_geometry(place[..., 0], place[..., 1], heading)
    approach = speed[:, :, None] * facing  # (T, i, j)
    closing = approach + approach.transpose(0, 2, 1)
    n_fish = speed.shape[1]
    itself = FAR * np.eye(n_fish)
    keen = approach * np.exp(4 * (facing - 1))
    orders = (distance + itself, itself - approach, itself - keen)
    described = np.stack([distance, facing, approach, closing], axis=1)  # (T, 4, i, j)
    described = described.reshape(len(tracks), 4, -1)
    columns = [_of_first(described, key.reshape(len(tracks), -1), n_fish) for key in orders]
    return np.concatenate([*columns, speed.mean(1)[:, None], speed.max(1)[:, None]], axis=1)


def _of_first(described: np.ndarray, key: np.ndarray, n_fish: int) -> np.ndarray:
    """Descriptions of the pairs with the smallest keys, (T, 4 * pairs), the fish's own left out."""
    n_pairs = min(CLOSEST, n_fish * (n_fish - 1))
    first = np.argsort(key, axis=1, kind="stable")[:, :n_pairs]
    chosen = np.take_along_axis(described, first[:, None, :], axis=2)
    return chosen.reshape(len(key), -1)
