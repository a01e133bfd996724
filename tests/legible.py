"""Whether the texts of a figure can be read: large enough, inside the page, not on each other."""

import itertools

from matplotlib.text import Text

PHONE_SMALLEST = 9 * 72 / 100
"""Points of a text that is 9 pixels high where 100 are an inch."""


def texts_of(figure):
    """The texts that are drawn: ticks outside an axis' limits keep theirs, unseen."""
    outside = set()
    for axis in itertools.chain.from_iterable((ax.xaxis, ax.yaxis) for ax in figure.axes):
        low, high = sorted(axis.get_view_interval())
        ticks = [tick for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high]
        outside |= {label for tick in ticks for label in (tick.label1, tick.label2)}
    texts = (t for t in figure.findobj(Text) if t.get_visible() and t not in outside)
    return [text for text in texts if text.get_text().strip()]


def require_legible(figure, smallest):
    """Fail where a text is smaller than so many points, leaves the page or lies on another."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts_of(figure)]
    assert min((text.get_fontsize() for text in texts_of(figure)), default=smallest) >= smallest
    for text, box in boxes:
        assert box.x0 > -6 and box.y0 > -6, text
        assert box.x1 < figure.bbox.x1 + 6 and box.y1 < figure.bbox.y1 + 6, text
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert wide < 1 or high < 3, f"{one!r} lies on {other!r}"
