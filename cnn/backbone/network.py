"""A frozen backbone: an image of any size in, one vector of pooled features out."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visbase.cnn.backbone.folding import folded
from visbase.cnn.backbone.timm_networks import make_network, pretrained_cfg, shapes
from visbase.cnn.backbone.weights import (
    PACKAGED,
    checksum,
    find_weights,
    layout,
    read_weights,
)
from visbase.pipeline.contracts import Arrays, FloatArray, check_layout
from visbase.pipeline.errors import BadInput, printable

STAGES = 2  # whose ends are pooled as well, see docs/tried.md
LEAST_PX, LARGEST_PX = 32, 1024  # of the square; networks halve it five times


class Backbone(nn.Module):
    """A network of timm with its weights and its input, evaluated in one thread.

    name: timm's; size_px: side of the square that images become, 0 for the network's
    own. Raises BadInput if timm has no such network, or the weights are not found or
    not its own. After `restore`, or with weights from `load_backbone`, call it with
    uint8 images (n, 3, size, size), RGB.
    """

    def __init__(self, name: str, size_px: int, arrays: Arrays) -> None:
        super().__init__()
        check_layout(arrays, layout(shapes(name)))  # before memory is reserved
        cfg = pretrained_cfg(name)
        self.name = name
        self.size_px = size_px or int(cfg["input_size"][1])
        if not LEAST_PX <= self.size_px <= LARGEST_PX:
            raise BadInput(
                f"size_px={self.size_px}: expected at least {LEAST_PX} and at most "
                f"{LARGEST_PX} pixels"
            )
        mean, deviation = np.multiply([cfg["mean"], cfg["std"]], 255)
        if name == PACKAGED:  # as in its TensorFlow original
            mean, deviation = np.full(3, 127.0), np.full(3, 128.0)
        self.network: nn.Module
        self.mean: Tensor
        self.deviation: Tensor
        for part, values in (("mean", mean), ("deviation", deviation)):
            tensor = torch.tensor(values, dtype=torch.float32)[:, None, None]
            self.register_buffer(part, tensor, persistent=False)
        self.arrays = arrays
        network = make_network(name)
        network.load_state_dict({k: torch.from_numpy(v) for k, v in arrays.items()})
        n = 3 * self.size_px**2
        ramp = torch.linspace(0, 255, n).view(1, 3, self.size_px, self.size_px)
        try:
            self.network = folded(network, self.standardised(ramp))
            with torch.inference_mode():
                stages = [stage.shape[1] for stage in self._maps(ramp)[1]]
                self.n_features = int(self(ramp).shape[1])
        except (RuntimeError, AssertionError, ValueError):
            raise BadInput(
                f"backbone {printable(name)} does not take images of "
                f"{self.size_px} x {self.size_px} pixels; set size_px=0 for its own "
                f"size, {cfg['input_size'][1]}"
            ) from None

        # of the network's own pooling, and of each end of a stage
        self.lengths = (self.n_features - sum(stages), *stages)

    def forward(self, images: Tensor) -> Tensor:
        """Pool the last maps over all positions: (n, 3, size, size) -> (n, d).

        The features are those of the network's own pooling, then of the ends of its
        last two stages, see `lengths`.
        """
        final, stages = self._maps(images)
        pooled = self.network.forward_head(final, pre_logits=True)  # type: ignore[operator]
        return torch.cat([pooled, *(stage.mean((2, 3)) for stage in stages)], dim=1)

    def standardised(self, images: Tensor) -> Tensor:
        """Images of 8 bits as the network takes them, in float32."""
        return (images.to(torch.float32) - self.mean) / self.deviation

    def _maps(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The network's last map, and the ends of its last stages if they differ."""
        standard = self.standardised(images)
        if not hasattr(self.network, "forward_intermediates"):
            return self.network.forward_features(standard), []  # type: ignore[operator]
        final, stages = self.network.forward_intermediates(  # type: ignore[operator]
            standard, indices=STAGES
        )
        if final.ndim != 4:  # a transformer
            return final, []
        return final, [s for s in reversed(stages) if s.shape[1] != final.shape[1]]

    @torch.inference_mode()
    def pooled(self, views: NDArray[np.uint8]) -> FloatArray:
        """Pooled features (n, d) of squares (n, size, size, 3), in one batch."""
        return self(self.tensor(views)).numpy()

    @torch.inference_mode()
    def maps(self, views: NDArray[np.uint8]) -> list[FloatArray]:
        """The maps (n, channels, y, x) whose means over positions are `pooled`.

        Raises BadInput for a network that pools in another way.
        """
        final, stages = self._maps(self.tensor(views))
        if final.ndim == 4 and final.shape[1] == self.lengths[0]:
            means = torch.cat([each.mean((2, 3)) for each in (final, *stages)], dim=1)
            if torch.allclose(means, self(self.tensor(views)), rtol=1e-3, atol=1e-4):
                return [each.numpy() for each in (final, *stages)]
        raise BadInput(
            f"backbone {self.name} does not average a map, so its evidence has no "
            "places; choose a convolutional backbone"
        )

    def square(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize (h, w) or (h, w, 3) to (size, size, 3); the aspect may change."""
        side = self.size_px
        shrinks = side * side < image.shape[0] * image.shape[1]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        result = cv2.resize(image, (side, side), interpolation=how)
        rgb = result if result.ndim == 3 else np.repeat(result[..., None], 3, axis=2)
        return np.asarray(rgb, np.uint8)

    def tensor(self, views: NDArray[np.uint8]) -> Tensor:
        """(n, h, w, 3) uint8 -> (n, 3, h, w), channels last in memory."""
        return torch.from_numpy(np.ascontiguousarray(views)).permute(0, 3, 1, 2)


def load_backbone(
    name: str, size_px: int, file: str, sha256: str = ""
) -> tuple[Backbone, dict[str, str]]:
    """Load a backbone with its weights, and say what they are, see `IsPretrained`.

    file: the weights, "" for the packaged or cached ones; sha256: their checksum if
    they are to be the ones of a saved model.
    """
    cfg = pretrained_cfg(name)
    source = find_weights(name, file, cfg)
    classifier = cfg.get("classifier") or "classifier"
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    left_out = tuple(f"{name}." for name in names)
    arrays = read_weights(source.path, shapes(name), left_out)
    found = checksum(arrays)
    if sha256 and found != sha256:
        raise BadInput(
            f"{printable(source.path)}: other weights than the model was fitted with "
            f"(checksum {found[:12]}, expected {sha256[:12]}), and the model holds no "
            "copy; put the original file there, or fit again with keep_backbone=True"
        )
    return Backbone(name, size_px, arrays), {
        "backbone": name,
        "trained_on": source.trained_on,
        "weights_sha256": found,
        "weights_licence": source.licence,
    }
