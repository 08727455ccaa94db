"""The table of docs/errors.md, which clients program against."""

from typing import Final

from common.errors import Blame
from tests.unit.docs.markdown import DOCS, code, section, tables

PAGE: Final = DOCS / "errors.md"
WHO_ACTS: Final = {
    "caller": Blame.CALLER,
    "model's author": Blame.MODEL,
    "model's author, operator": Blame.PREDICTOR,
    "operator": Blame.SERVICE,
}


def promised_errors() -> list[tuple[str, Blame, int]]:
    """Return code, blame and status of each error on the page, in its order.

    Raises:
        KeyError, ValueError: a row has something else in its cells.
    """
    (rows,) = tables(section(PAGE, "Codes"))
    return [(code(name), WHO_ACTS[who], int(status)) for name, who, status, _ in rows]
