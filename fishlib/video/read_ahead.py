"""Run an iterator ahead of its reader, in a thread, so that decoding overlaps computing."""

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

Item = TypeVar("Item")
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
