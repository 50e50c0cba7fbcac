"""Networks, one file each; the file's name is the method's.

images (n, h, w) uint8 -> tensor (n, 1, h, w), mean 0, deviation 1   classifier
batches, distorted anew in every epoch                training.augment
logits (n, C), cross-entropy, AdamW or SGD            training.trainer, schedule
the state after every epoch, on disk                  training.checkpoint
where it runs, alone or with other processes          training.device
kernels, feature maps, receptive fields               inspection.layers, kernels
pixels to log-probabilities as a file                 inspection.onnx_export
networks with and without shortcuts, ever deeper      inspection.depth
"""
