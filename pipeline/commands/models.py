"""Commands that look into saved models or convert them."""

from __future__ import annotations

import json
from pathlib import Path

import click
import msgspec

from visbase.pipeline.commands.endings import ends_in_one_line
from visbase.pipeline.errors import BadInput, printable

model_argument = click.argument(
    "path", metavar="MODEL", type=click.Path(path_type=Path)
)


@click.command()
@model_argument
@click.argument("image", metavar="IMAGE")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    required=True,
    help="Picture to write; its extension sets the format.",
)
@click.option(
    "--layers",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Also draw a network's kernels, feature maps and receptive fields, in this "
    "folder.",
)
@ends_in_one_line
def explain(path: Path, image: str, out: Path, layers: Path | None) -> None:
    """Draw the evidence for a model's prediction on an image.

    Red areas support the predicted label, blue ones the runner-up. Bags of visual words
    show how much each keypoint contributes to the decision, `pretrained` each position
    of its feature maps, and other networks each pixel, by the gradient.

    Example: visbase explain digits.visbase seven.png --out why.png
    """
    from visbase.pipeline.contracts import DrawsLayers, Explains
    from visbase.pipeline.models.explain import draw_evidence
    from visbase.pipeline.models.file import load_model
    from visbase.pipeline.models.picture import format_of
    from visbase.pipeline.models.predict import NO_DIGIT, prepare_file

    format_of(out)
    model = load_model(path)
    classifier = model.classifier
    if not isinstance(classifier, Explains):
        raise BadInput(
            f"{path}: {model.method} cannot be drawn; choose a bag of visual words or "
            "a single network"
        )
    if layers is not None and not isinstance(classifier, DrawsLayers):
        raise BadInput(
            f"{path}: the layers of {model.method} cannot be drawn; leave --layers "
            "out, or choose a single network that was trained from scratch"
        )
    prepared = prepare_file(image, Path(image), model.card)
    seen, evidence = classifier.explain(prepared)
    classes = model.card.classes
    draw_evidence(seen, evidence, classes, out)
    winner, other = (classes[i] for i in (evidence.winner, evidence.runner_up))
    sure = ""
    if model.calibration is not None:
        (row,) = model.probabilities([prepared])
        sure = f" ({100 * row[evidence.winner]:.1f} %)"
    if model.novelty is not None and model.novelty.is_novel(prepared[None])[0]:
        click.echo(f"{image}: {NO_DIGIT}", err=True)
    click.echo(f"{printable(winner)}{sure}, not {printable(other)}: {out}")
    if layers is not None and isinstance(classifier, DrawsLayers):
        for picture in classifier.draw_layers(prepared, layers):
            click.echo(picture)


@click.command()
@model_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.onnx",
    required=True,
    help="ONNX file to write.",
)
@ends_in_one_line
def export(path: Path, out: Path) -> None:
    """Convert a saved network to ONNX.

    The exported network takes uint8 images of the model's image size, grey (n, 1, h, w)
    or RGB (n, 3, h, w), and returns log-probabilities (n, classes). The file's metadata
    lists the classes and, of a calibrated model, the temperature: probabilities are
    softmax(log-probabilities / temperature).

    Example: visbase export lenet5.visbase --out lenet5.onnx
    """
    from visbase.pipeline.contracts import Exports
    from visbase.pipeline.models.file import load_model

    model = load_model(path)
    classifier = model.classifier
    if not isinstance(classifier, Exports):
        raise BadInput(
            f"{path}: {model.method} cannot be exported; only single networks can"
        )
    facts = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in msgspec.to_builtins(model.card).items()
    }
    if model.calibration is not None:
        facts["temperature"] = repr(model.calibration.temperature)
    classifier.export_onnx(out, facts)
    click.echo(f"written to {out}", err=True)
