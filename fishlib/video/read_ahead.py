"""Run ahead of a reader, in threads, so that decoding overlaps computing."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item, Result = TypeVar("Item"), TypeVar("Result")
_END = object()


def run_ahead(items: Iterator[Item], depth: int = 2) -> Iterator[Item]:
    """Yield the items of an iterator that a background thread reads up to `depth` items ahead.

    What the iterator raises is raised here. The thread starts with the first item asked for and
    ends with the iterator, or when the reader stops reading.
    """
    waiting: queue.Queue = queue.Queue(depth)
    stopped = threading.Event()

    def put(entry: tuple) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(entry, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((item, None)):
                    return
            put((_END, None))
        except BaseException as error:  # handed to the reader, who raises it
            put((_END, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stopped.set()
        thread.join()


def map_ahead(
    function: Callable[[Item], Result], items: Iterator[Item], n_threads: int = 2
) -> Iterator[Result]:
    """Yield ``function(item)`` in order, computed in threads while further items are drawn.

    At most two items a thread are held. What the function or the iterator raises is raised here,
    after the results of the items before.
    """
    waiting: deque = deque()
    with ThreadPoolExecutor(n_threads) as pool:
        drawn = iter(items)
        while True:
            try:
                item = next(drawn)
            except StopIteration:
                break
            except Exception:
                yield from (result.result() for result in waiting)
                raise
            waiting.append(pool.submit(function, item))
            if len(waiting) >= 2 * n_threads:
                yield waiting.popleft().result()
        yield from (result.result() for result in waiting)
