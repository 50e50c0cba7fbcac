"""Export of a trained network to an ONNX file, which runs without torch.

    images               (n, channels, h, w) uint8, grey or RGB, 0 to 255, any n
    log_probabilities    (n, C) float32

The graph includes the standardisation and the mean over views. The metadata of the
file holds the classes and the rest of the model's card.
"""

from __future__ import annotations

import importlib.util
import logging
import math
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from visbase.cnn.training.views import Views
from visbase.pipeline.errors import BadInput
from visbase.pipeline.storage.atomic import write_named


class FromPixels(nn.Module):
    """Pixels to log-probabilities, the computation of `NetworkClassifier.scores`."""

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, network: nn.Module, mean: Tensor, deviation: Tensor, views: Views
    ) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.views = views

    def forward(self, images: Tensor) -> Tensor:
        views = self.views((images.to(torch.float32) - self.mean) / self.deviation)
        # all views as one batch: a copy of the network per view takes long to export
        scores = self.network(torch.cat(views)).log_softmax(1)
        by_view = scores.unflatten(0, (len(views), -1))
        return by_view.logsumexp(0) - math.log(len(views))


def write_onnx(
    path: Path,
    graph: nn.Module,
    shape: tuple[int, int, int],
    metadata: Mapping[str, str],
) -> None:
    """Write the graph for images of a shape (channels, height, width).

    Raises BadInput if the packages for that are not installed.
    """
    missing = [n for n in ("onnx", "onnxscript") if importlib.util.find_spec(n) is None]
    if missing:
        raise BadInput(
            f"not installed, but needed for the export: {', '.join(missing)}; run "
            "`pip install -c requirements.lock -e '.[cnn,onnx]'`"
        )
    example = torch.zeros(2, *shape, dtype=torch.uint8)
    device = next(graph.parameters()).device
    logging.getLogger("torch.onnx").setLevel(
        logging.ERROR
    )  # it reports "no torchvision" four times
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they concern torch's internals
        program = torch.onnx.export(
            graph.eval(),
            (example.to(device),),
            input_names=["images"],
            output_names=["log_probabilities"],
            dynamic_shapes={"images": {0: torch.export.Dim("n")}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # never None with dynamo=True
    model = program.model_proto
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    with write_named(path) as file:
        file.write(model.SerializeToString())
