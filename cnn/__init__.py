"""Networks: one file per method, named after the method.

images (n, h, w[, 3]) uint8 -> (n, c, h, w) of mean 0, deviation 1   classifier
batches, with new distortions or crops in every epoch     training.augment, crops
photographs on the disk, decoded batch by batch           training.squares
logits (n, C), cross-entropy                              training.trainer
steps of AdamW or SGD, and their rate                     training.optimiser, schedule
the state after every epoch, on disk                      training.checkpoint
the device, and other processes that share the training   training.device
a core for each of PyTorch's threads                      training.cores
kernels, feature maps, receptive fields                   inspection.layers, kernels
an ONNX file from pixels to log-probabilities             inspection.onnx_export
networks of increasing depth, with and without shortcuts  inspection.depth
the lecture's networks for ImageNet, evaluated, trained   imagenet
the lecture's dropout table: one network, many methods    dropout
"""
