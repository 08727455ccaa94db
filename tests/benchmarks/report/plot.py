"""Throughput as a picture: one bar for each contender, in SVG."""

from collections.abc import Sequence
from html import escape
from typing import Final

from tests.benchmarks.figures import Figure

WIDTH: Final = 760
LABEL_WIDTH: Final = 220
VALUE_WIDTH: Final = 120
ROW_HEIGHT: Final = 30
TOP: Final = 44
OURS_COLOUR: Final = "#1f77b4"
OTHERS_COLOUR: Final = "#9aa5b1"
HEAD: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
    'font-family="sans-serif" font-size="14">\n'
    '<rect width="{width}" height="{height}" fill="#ffffff"/>\n'
    '<text x="10" y="26" font-size="16" fill="#222222">{title}</text>\n'
)


def bars(title: str, rows: Sequence[tuple[str, Figure, bool]]) -> str:
    """Draw a bar from 0 to each median, with a line from the lowest to the highest round.

    Each row has its label, its figure, and whether it is ours.
    """
    longest = max((figure.high for _, figure, _ in rows), default=1.0)
    scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / longest
    height = TOP + ROW_HEIGHT * len(rows) + 10
    parts = [HEAD.format(width=WIDTH, height=height, title=escape(title))]
    for number, (label, figure, is_ours) in enumerate(rows):
        colour = OURS_COLOUR if is_ours else OTHERS_COLOUR
        parts.append(_bar(TOP + ROW_HEIGHT * number, label, figure, colour, scale))
    return "".join(parts) + "</svg>\n"


def _bar(top: int, label: str, figure: Figure, colour: str, scale: float) -> str:
    width, low, high = (
        round(value * scale, 1) for value in (figure.median, figure.low, figure.high)
    )
    middle, text_y = top + ROW_HEIGHT // 2 - 3, top + ROW_HEIGHT // 2 + 2
    end = LABEL_WIDTH + max(width, high) + 8
    return (
        f'<text x="{LABEL_WIDTH - 10}" y="{text_y}" text-anchor="end" fill="#222222">'
        f"{escape(label)}</text>\n"
        f'<rect x="{LABEL_WIDTH}" y="{top}" width="{width}" height="{ROW_HEIGHT - 8}" '
        f'fill="{colour}"/>\n'
        f'<line x1="{LABEL_WIDTH + low:.1f}" x2="{LABEL_WIDTH + high:.1f}" y1="{middle}" '
        f'y2="{middle}" stroke="#222222"/>\n'
        f'<text x="{end:.1f}" y="{text_y}" fill="#222222">{figure.median:,.0f}</text>\n'
    )
