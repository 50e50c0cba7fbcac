"""Commands and options about saved models."""

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
    help="Write what the model saw of the images.",
)
@ends_in_one_line
def predict(
    path: Path, images: tuple[str, ...], as_json: bool, picture: Path | None
) -> None:
    """Label image files with a model that `visbase run METHOD --save MODEL` wrote.

    IMAGE - is standard input. An image that cannot be read is told, the others are
    labelled, and the exit status is 2. Scores are the method's own: larger is likelier;
    networks give log-probabilities. ms: from the file to the scores.

    Example: visbase predict digits.visbase seven.png --show seen.png
    """
    from visbase.pipeline.images.photo_files import read_bytes
    from visbase.pipeline.models.file import load_model
    from visbase.pipeline.models.predict import predict_file, show, to_json, to_table

    if images.count("-") > 1:
        raise BadInput("standard input can be read once; name - once")
    model = load_model(path)
    predictions = []
    for image in images:
        piped = image == "-"  # taken whole, since a pipe cannot be read twice
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
@click.argument("image")
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
    help="For networks: kernels, feature maps and receptive fields as well.",
)
@ends_in_one_line
def explain(path: Path, image: str, out: Path, layers: Path | None) -> None:
    """Draw where a saved model sees evidence for its label of an image file.

    Red speaks for the label, blue for the runner-up. For bags of visual words every
    keypoint has its share of the decision; for networks every pixel, by the gradient.

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
            f"{path}: {model.method} has no such pictures; evidence is drawn for bags "
            "of visual words and single networks, layers for the latter"
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
    help="File to write.",
)
@ends_in_one_line
def export(path: Path, out: Path) -> None:
    """Write a saved network as ONNX, for programs without torch.

    Its input is grey uint8 images (n, 1, h, w) of the model's size, from 0 to 255, its
    output log-probabilities; the classes stand in the file's metadata.

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
