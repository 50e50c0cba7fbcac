"""Networks, one file each; the file's name is the method's.

images (n, h, w) uint8 -> tensor (n, 1, h, w), mean 0 and deviation 1   classifier
batches, distorted anew in every epoch                                   augment
logits (n, C), cross-entropy, AdamW or SGD                               trainer
the rate over the epochs                                                 schedule
the state after every epoch, on disk                                     checkpoint
where it runs, alone or with other processes                             device
kernels, feature maps, receptive fields                                  explain
pixels to log-probabilities as a file                                    onnx_export
networks with and without shortcuts, ever deeper                         depth
"""
