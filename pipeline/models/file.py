"""A fitted classifier in one file, which is opened without running code from it.

The format is safetensors: eight bytes for the length of a JSON header, the header, the
numbers. The tensors are the method's arrays, and with names that begin with
"calibration." and "novelty." those of its calibration and of what tells digits from
other things; the header's metadata has the card
(`model_card`) and the SHA-256 of the whole file, counted with zeros in its own place.
Code comes from the method's file of the same name here, never from the model.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from visbase.pipeline.contracts import (
    Arrays,
    Images,
    Method,
    check_layout,
    join_parts,
    split_parts,
)
from visbase.pipeline.errors import BadEnvironment, BadInput, printable
from visbase.pipeline.models.calibration import Calibration, restore_calibration
from visbase.pipeline.models.card import Card, read_card
from visbase.pipeline.models.methods import find_method
from visbase.pipeline.models.novelty import Novelty, restore_novelty
from visbase.pipeline.storage.atomic import write_named
from visbase.pipeline.storage.reading import open_regular

LENGTH_BYTES = 8  # of the header's length, little-endian
HEADER_LIMIT = 2**24  # bytes; the longest header here, committee's, has 30,000
MARK = b'"sha256":"'  # precedes the checksum in the header
BLANK = b"0" * 64
PHOTO_SIZE = (64, 64)  # of the noise image that a model of photographs is tried on


@dataclass(frozen=True)
class Model:
    """A classifier that is ready to score images, its card, and its file's SHA-256.

    calibration: None if the file has none, as those of versions before 0.3; novelty:
    None if it has none, as those of other things than digits.
    """

    method: str
    classifier: Method
    card: Card
    sha256: str
    calibration: Calibration | None = None
    novelty: Novelty | None = None

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the scores' columns."""
        return self.card.classes

    def predict(self, images: Images) -> list[str]:
        """Classify n images, which must be prepared like the training images."""
        best = self.classifier.scores(images).argmax(axis=1)
        return [self.classes[column] for column in best]

    def probabilities(self, images: Images) -> NDArray[np.float64]:
        """Compute calibrated probabilities of n images, prepared likewise: (n, C).

        Raises BadInput if the model was saved without a calibration.
        """
        return self.calibrated(self.classifier.scores(images))

    def calibrated(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Turn the classifier's scores (n, C) into probabilities (n, C)."""
        return self.require_calibration().probabilities(scores)

    def require_calibration(self) -> Calibration:
        """Return the calibration; BadInput if there is none."""
        if self.calibration is None:
            raise BadInput(
                f"this model of {self.method} has no calibration, hence no "
                "probabilities; run the method again with --save"
            )
        return self.calibration


LONGEST_NAME = 200  # bytes; file systems take 255, a temporary ending included


def check_place(path: Path) -> None:
    """Raise BadInput if no model can be written: before the training, not after."""
    name = printable(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{name}: cannot be written ({error.strerror})") from None
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        raise BadInput(f"{name}: the name is too long for a file")
    is_special = path.exists() and not path.is_file()
    if is_special or not os.access(path.parent, os.W_OK):
        raise BadInput(f"{name}: cannot be written; name a file in a folder of yours")


def save_model(
    path: Path,
    classifier: Method,
    card: Card,
    calibration: Calibration | None = None,
    novelty: Novelty | None = None,
) -> None:
    """Write a fitted classifier with its card (`make_card`), whole or not at all."""
    from safetensors.numpy import save

    learned = classifier.arrays()
    if calibration is not None:
        learned = learned | join_parts({"calibration": calibration.arrays()})
    if novelty is not None:
        learned = learned | join_parts({"novelty": novelty.learned})
    arrays = {name: np.asarray(array, order="C") for name, array in learned.items()}
    content = save(
        arrays, {"card": msgspec.json.encode(card).decode(), "sha256": BLANK.decode()}
    )
    place = content.index(MARK + BLANK) + len(MARK)
    with write_named(path) as file:
        file.write(content[:place])
        file.write(hashlib.sha256(content).hexdigest().encode())
        file.write(memoryview(content)[place + len(BLANK) :])


def load_model(path: Path | str) -> Model:
    """Load a model from a file, check it, and make it ready to score images.

    Raises BadInput, in one line, if the file is not a model, is damaged or edited, has
    another format version or parts that do not fit together, or if its method is
    unknown or needs torch and torch is missing.
    """
    path = Path(path)
    name = printable(path)
    card, arrays, sha256 = _read(path)
    try:
        method = find_method(card.method)
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from None
    try:
        classifier: Method = method.build(
            method.config_from_json(card.config), card.seed
        )
        of_calibration = _take(arrays, "calibration")
        of_novelty = _take(arrays, "novelty")
        calibration = restore_calibration(of_calibration) if of_calibration else None
        novelty = restore_novelty(of_novelty) if of_novelty else None
        classifier.restore(arrays)
        with np.errstate(all="ignore"):  # overflows raise BadInput below
            _try_out(classifier, arrays, card)
    except BadEnvironment:
        raise
    except Exception as error:  # anybody may have written the file
        ours = isinstance(error, BadInput)
        reason = " ".join(f"{error}".split()) if ours else "parts that do not fit"
        raise BadInput(
            f"{name}: not a sound model of {method.name}: {reason}"
        ) from None
    return Model(method.name, classifier, card, sha256, calibration, novelty)


def _take(arrays: Arrays, part: str) -> Arrays:
    """Remove the arrays of a part from all, and return them; none if it has none."""
    names = [name for name in arrays if name.startswith(f"{part}.")]
    return split_parts({name: arrays.pop(name) for name in names}, (part,))[part]


def _try_out(classifier: Method, arrays: Arrays, card: Card) -> None:
    """Score an image of noise, so that parts that do not fit together show."""
    n_classes = len(card.classes)
    for name, array in arrays.items():
        if name.rpartition(".")[2] == "classes":
            check_layout({name: array}, {name: f"int64 {n_classes}"})
    size = card.image_size or PHOTO_SIZE
    noise = np.random.default_rng(0).integers(0, 256, (1, *size), np.uint8)
    scores = classifier.scores(noise)
    if scores.shape != (1, n_classes) or not np.isfinite(scores).all():
        raise BadInput(
            f"expected {n_classes} finite scores, found an array of shape "
            f"{scores.shape}"
        )


def _read(path: Path) -> tuple[Card, Arrays, str]:
    """Read card and arrays, and compute the SHA-256; BadInput if the checksum fails."""
    name = printable(path)
    content = _content(path)
    start = LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "little")
    header = content[LENGTH_BYTES:start]
    try:
        metadata = json.loads(header)["__metadata__"]
        text, checksum = metadata["card"], metadata["sha256"]
    except (ValueError, RecursionError, TypeError, LookupError):
        raise BadInput(
            f"{name}: not a visbase model, or damaged: no model card in its header; "
            "expected a file that `visbase run METHOD --save` wrote"
        ) from None
    try:
        card = read_card(str(text))
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from None
    place = LENGTH_BYTES + header.find(MARK) + len(MARK)
    digest = hashlib.sha256(content[:place])
    digest.update(BLANK)
    digest.update(memoryview(content)[place + len(BLANK) :])
    if digest.hexdigest() != checksum or header.count(MARK) != 1:
        raise BadInput(
            f"{name}: damaged or edited, its checksum is wrong; copy it again, or run "
            f"{card.method} again with --save"
        )
    return card, _arrays(path, content), hashlib.sha256(content).hexdigest()


def _content(path: Path) -> bytes:
    """Read all bytes of a file that starts like a model."""
    name = printable(path)
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(LENGTH_BYTES + 1)
            length = int.from_bytes(start[:LENGTH_BYTES], "little")
            longest = min(size - LENGTH_BYTES, HEADER_LIMIT)
            if start[LENGTH_BYTES:] != b"{" or length > longest:
                raise BadInput(f"{name}: not a visbase model: {_kind(start)}")
            return start + file.read()
    except FileNotFoundError:
        raise BadInput(
            f"{name}: no such model file; `visbase run METHOD --save FILE` writes one"
        ) from None
    except IsADirectoryError:
        raise BadInput(f"{name}: expected a model file, found a folder") from None
    except OSError as error:
        raise BadInput(f"{name}: cannot be read ({error.strerror})") from None


def _kind(start: bytes) -> str:
    """Describe a file by its first bytes."""
    if not start:
        return "an empty file"
    if start[:2] == b"PK":
        return "a zip file, such as torch.save writes; it is not opened"
    if start[:1] == b"\x80":
        return "a pickle by its look; visbase opens none, since that runs its code"
    return "its first bytes are not those of a safetensors file, or it was cut off"


def _arrays(path: Path, content: bytes) -> Arrays:
    name = printable(path)
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays: Arrays = load(content)
    except (SafetensorError, ValueError, LookupError, TypeError):
        raise BadInput(
            f"{name}: not a sound safetensors file; copy it again, or run again with "
            "--save"
        ) from None
    return arrays
