"""A backbone whose last layers are trained on the photographs that it will classify.

    photographs -> maps of the frozen layers, once -> epochs of the last layers

The frozen layers cost most of the time and always give the same, so an epoch of the
others is quick.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visbase.cnn.backbone.classifier import BackboneClassifier
from visbase.cnn.backbone.folding import folded
from visbase.cnn.backbone.network import Backbone
from visbase.cnn.backbone.timm_networks import make_network, timm
from visbase.cnn.training.cores import each_on_its_core
from visbase.cnn.training.device import forked_rng, n_processes
from visbase.cnn.training.trainer import Recipe, train
from visbase.pipeline.contracts import Images
from visbase.pipeline.errors import BadInput
from visbase.pipeline.images.batches import coarsely
from visbase.pipeline.images.blocks import map_blocks
from visbase.pipeline.progress import track
from visbase.pipeline.storage.cache import entry_path

CPU = torch.device("cpu")
CLASSIFIER_RATE = 5  # of learning, relative to the layers that have learned before


@dataclass
class FinetunedBackbone(BackboneClassifier):
    """Trains the last layers, then fits the discriminant to their features.

    tuned_layers: how many, counted as `layers_of` lists them; epochs: for 3,000
    photographs, see `Recipe`; learning_rate: its peak; dropout: of the pooled features;
    seed: of the order, the mirroring and the dropout.
    """

    tuned_layers: int
    epochs: int
    learning_rate: float
    dropout: float
    seed: int

    def _backbone_for(self, images: Images, labels: NDArray[np.int64]) -> Backbone:
        untuned = self._load()
        network = make_network(self.backbone)
        network.load_state_dict(
            {name: torch.from_numpy(values) for name, values in untuned.arrays.items()}
        )
        frozen, tuned = _split(network, self.tuned_layers, self.backbone)
        self._require_in_order(untuned, nn.Sequential(frozen, tuned))
        maps = self._maps(images, untuned, folded(frozen, _ramp(untuned.size_px)))
        classes, targets = np.unique(labels, return_inverse=True)
        head = TunedLayers(tuned, untuned.lengths[0], len(classes), self.dropout)
        recipe = Recipe(
            epochs=self.epochs,
            epochs_for=3000,
            batch_size=32,
            learning_rate=self.learning_rate,
            weight_decay=0.05,
            label_smoothing=0.1,
        ).for_images(len(targets))
        key = {"maps": maps, "targets": targets, "recipe": recipe, "seed": self.seed}
        key |= {"network": str(head), "weights": untuned.arrays}
        key |= {"timm": timm.__version__, "n_processes": n_processes()}
        with forked_rng(CPU), each_on_its_core(CPU):
            torch.manual_seed(self.seed)
            self.histories = [
                train(
                    head.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
                    torch.from_numpy(maps),
                    torch.from_numpy(targets.astype(np.int64)),
                    recipe,
                    one_view,
                    self.seed,
                    entry_path("network", key, (TunedLayers, train), ".safetensors"),
                )
            ]
        state = network.state_dict().items()
        arrays = {name: values.detach().contiguous().numpy() for name, values in state}
        return Backbone(self.backbone, self.size_px, arrays)

    def _maps(
        self, images: Images, backbone: Backbone, frozen: nn.Module
    ) -> NDArray[np.float16]:
        """What the frozen layers give for each view: (n, views, channels, y, x)."""
        side = backbone.size_px

        @torch.inference_mode()
        def maps_of(block: Images) -> NDArray[np.float16]:
            torch.set_num_threads(1)
            squares = map(backbone.square, coarsely(block, side, side))
            views = (backbone.tensor(self.views(square)) for square in squares)
            maps = [frozen(backbone.standardised(each)) for each in views]
            return torch.stack(maps).to(torch.float16).contiguous().numpy()

        return self.in_one_thread(
            lambda: map_blocks(maps_of, images, "maps of the frozen layers", track)
        )

    def _require_in_order(self, backbone: Backbone, layers: nn.Module) -> None:
        """Raise BadInput unless the layers, one after the other, are the network."""
        ramp = _ramp(backbone.size_px)
        with torch.inference_mode():
            expected = backbone.network.forward_features(ramp)  # type: ignore[operator]
            try:
                found = layers(ramp)
            except (RuntimeError, ValueError):  # of a transformer
                found = torch.zeros(())
        near = 1e-3 * float(expected.abs().max())
        if (
            found.shape != expected.shape
            or found.shape[1] != backbone.lengths[0]  # layers follow the pooling
            or float((found - expected).abs().max()) > near
        ):
            raise BadInput(
                f"backbone {self.backbone}: its layers do not run one after the other, "
                "which finetuned needs; choose an EfficientNet or a ResNet"
            )


class TunedLayers(nn.Module):
    """Layers to tune, mean pooling, dropout and a classifier that starts at zero.

    Batch normalisation keeps its means and deviations: batches are too small to measure
    better ones.
    """

    def __init__(
        self, layers: nn.Module, n_features: int, n_classes: int, dropout: float
    ) -> None:
        super().__init__()
        self.layers = layers
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(n_features, n_classes)
        nn.init.zeros_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, maps: Tensor) -> Tensor:
        """(n, channels, y, x) -> logits (n, C)."""
        pooled = self.layers(maps).mean((2, 3))
        # with Adam, steps do not scale with the gradient, so the outputs are scaled
        return CLASSIFIER_RATE * self.classifier(self.dropout(pooled))

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        self.layers.eval()
        return self


def one_view(maps: Tensor, generator: torch.Generator) -> Tensor:
    """Choose a view of each image: (n, views, c, y, x) float16 -> (n, c, y, x)."""
    chosen = torch.randint(maps.shape[1], (len(maps),), generator=generator)
    one = maps[torch.arange(len(maps)), chosen].float()
    return one.contiguous(memory_format=torch.channels_last)


def _ramp(side_px: int) -> Tensor:
    """A standardised image, of which every pixel differs."""
    return torch.linspace(-2, 2, 3 * side_px**2).view(1, 3, side_px, side_px)


def layers_of(network: nn.Module) -> OrderedDict[str, nn.Module]:
    """The layers of timm's network up to its pooling, stages taken apart."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, child in network.named_children():
        if name == "global_pool":
            break
        parts = child.named_children() if isinstance(child, nn.Sequential) else ()
        layers |= {f"{name}.{part}": layer for part, layer in parts} or {name: child}
    return layers


def _split(network: nn.Module, n_last: int, name: str) -> tuple[nn.Module, nn.Module]:
    layers = list(layers_of(network).values())
    if not 0 < n_last < len(layers):
        raise BadInput(
            f"tuned_layers={n_last}: expected 1 to {len(layers) - 1}, since {name} "
            f"has {len(layers)} layers"
        )
    return nn.Sequential(*layers[:-n_last]), nn.Sequential(*layers[-n_last:])
