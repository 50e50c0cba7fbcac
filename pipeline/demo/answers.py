"""What every model answers to a picture: a card of HTML for each, side by side."""

from __future__ import annotations

import base64
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import jinja2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visbase.pipeline.demo.evidence import Exhibits, exhibits
from visbase.pipeline.errors import BadInput, printable
from visbase.pipeline.evaluation import error_pct
from visbase.pipeline.models.file import Model
from visbase.pipeline.models.methods import find_method
from visbase.pipeline.models.predict import Prediction, predict_file, read_digits
from visbase.pipeline.models.rows import numbers

MOST_BARS = 10  # classes with a bar; of more, the likeliest

environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Card:
    """What the page shows of one model's answer.

    predictions: one, or one per digit; shown: the one with bars and evidence; bars:
    class and probability from 0 to 1, none without a calibration; ms: from opening the
    file to the scores.
    """

    name: str
    facts: str
    predictions: Sequence[Prediction]
    shown: Prediction
    numbers: Sequence[str]
    ms: float
    bars: Sequence[tuple[str, float]]
    exhibits: Exhibits | None


def answer(
    models: Sequence[Model], name: str, content: bytes, at: int, explained: bool
) -> str:
    """Classify an image file with every model -> HTML.

    name, content: of the file; at: which of several digits has bars and evidence;
    explained: whether to show the evidence. Raises BadInput in one sentence if the
    file cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        # a file, as for `predict`: photographs are decoded at the scale of the training
        path = Path(folder) / "picture"
        path.write_bytes(content)
        try:
            started, page = time.perf_counter(), None
            if models[0].card.kind == "digits":  # read once: it takes most of the time
                page = read_digits(name, path)
            read_ms = 1000 * (time.perf_counter() - started)
            cards = []
            for model in models:
                predictions = predict_file(model, name, path, page=page)
                cards.append(_card(model, predictions, path, at, explained, read_ms))
        except BadInput as error:  # may name our copy
            named = str(error).replace(printable(path), printable(name))
            raise BadInput(named) from None
    template = environment.get_template("answers.html.j2")
    return template.render(cards=cards, explained=explained)


def _card(
    model: Model,
    predictions: Sequence[Prediction],
    path: Path,
    at: int,
    explained: bool,
    read_ms: float,
) -> Card:
    shown = predictions[min(at, len(predictions) - 1)]
    values = {} if shown.note else shown.probabilities or {}
    likeliest = sorted(values, key=lambda label: -values[label])[:MOST_BARS]
    labels = list(values) if len(values) <= MOST_BARS else likeliest
    return Card(
        name=model.method,
        facts=facts_of(model),
        predictions=predictions,
        shown=shown,
        numbers=numbers(predictions) if len(predictions) > 1 else [],
        ms=read_ms + shown.ms,
        bars=[(label, values[label]) for label in labels],
        exhibits=exhibits(model, shown, path) if explained else None,
    )


def facts_of(model: Model) -> str:
    """One line about a model: what it is, its training and its test error."""
    card, data = model.card, model.card.dataset
    if data.startswith("folder-"):  # its name ends with a digest
        data = data.removeprefix("folder-").rpartition("-")[0]
    wrong = error_pct(card.n_test - card.n_correct, card.n_test)
    summary = find_method(model.method).summary
    return (
        f"{summary[:1].upper()}{summary[1:]}. {card.n_train:,} training images of "
        f"{data}; test error {wrong:.2f} %."
    )


def as_data(image: NDArray[np.uint8]) -> str:
    """An image (h, w[, 3]) as the address of a PNG."""
    file = BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


environment.filters["as_data"] = as_data
