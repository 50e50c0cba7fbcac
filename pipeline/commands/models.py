"""Commands that use saved models."""

from __future__ import annotations

import json
import sys
from io import BytesIO
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
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option(
    "--show",
    "picture",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Also write a picture of the images as the model sees them.",
)
@ends_in_one_line
def predict(
    path: Path, images: tuple[str, ...], as_json: bool, picture: Path | None
) -> None:
    """Classify image files with a saved model.

    MODEL is a file written by `visbase run METHOD --save MODEL`. Pass - as IMAGE to
    read from standard input.

    Prints each image's label and runner-up with their scores, and the time in
    milliseconds from opening the file to the scores. A larger score is likelier;
    networks give log-probabilities. Unreadable images are reported and skipped, and the
    exit status is then 2.

    Example: visbase predict digits.visbase seven.png --show seen.png
    """
    from visbase.pipeline.images.photo_files import read_bytes
    from visbase.pipeline.models.file import load_model
    from visbase.pipeline.models.predict import predict_file, show, to_json, to_table

    if images.count("-") > 1:
        raise BadInput("standard input can be read only once; pass - once")
    model = load_model(path)
    predictions = []
    for image in images:
        piped = image == "-"  # read whole, since a pipe cannot be read twice
        try:
            if piped and sys.stdin is None:
                raise BadInput("standard input: closed")
            source = BytesIO(read_bytes(sys.stdin.buffer)) if piped else Path(image)
            predictions.append(predict_file(model, image, source))
        except BadInput as error:
            click.echo(f"visbase: {error}", err=True)
    if as_json:
        click.echo(json.dumps(to_json(predictions), indent=1))
    elif predictions:
        click.echo(to_table(predictions))
    if picture is not None and predictions:
        show(predictions, picture)
    if len(predictions) < len(images):
        sys.exit(2)


@click.command()
@model_argument
@click.argument("image", metavar="IMAGE")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    required=True,
    help="Picture to write.",
)
@click.option(
    "--layers",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Also draw a network's kernels, feature maps and receptive fields here.",
)
@ends_in_one_line
def explain(path: Path, image: str, out: Path, layers: Path | None) -> None:
    """Draw the evidence for a model's prediction on an image.

    Red supports the predicted label, blue the runner-up. Bags of visual words show how
    much each keypoint contributes to the decision; networks show what each pixel
    contributes, by the gradient.

    Example: visbase explain digits.visbase seven.png --out why.png
    """
    from visbase.pipeline.contracts import DrawsLayers, Explains
    from visbase.pipeline.models.explain import draw_evidence
    from visbase.pipeline.models.file import load_model
    from visbase.pipeline.models.predict import prepare_file

    model = load_model(path)
    classifier = model.classifier
    draws = isinstance(classifier, DrawsLayers)
    if not isinstance(classifier, Explains) or (layers is not None and not draws):
        raise BadInput(
            f"{path}: {model.method} cannot be drawn; choose a bag of visual words or "
            "a single network, and for --layers a single network"
        )
    prepared = prepare_file(image, Path(image), model.card)
    seen, evidence = classifier.explain(prepared)
    classes = model.card.classes
    draw_evidence(seen, evidence, classes, out)
    winner, other = (classes[i] for i in (evidence.winner, evidence.runner_up))
    click.echo(f"{printable(winner)}, not {printable(other)}: {out}")
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
    lists the classes.

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
    classifier.export_onnx(out, facts)
    click.echo(f"written to {out}", err=True)
