"""Networks, one file each; the file's name is the method's.

images (n, h, w) uint8 -> tensor (n, 1, h, w), mean 0 and deviation 1   classifier
batches, distorted anew in every epoch                                   augment
logits (n, C), cross-entropy, AdamW under a one-cycle rate               trainer
"""
