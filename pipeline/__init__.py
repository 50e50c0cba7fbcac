"""From image to label, stage by stage: the first file to read.

    images        (n, h, w[, 3]) uint8        images: files, grey, deskew, distort, warp
    descriptors   values (N, length), offsets descriptors: dense_sift, multiscale_sift,
                                              detected_sift, colour
    vocabulary    (k, length)                 encoding: vocabulary, or a mixture
    words         index, weight (N, m)        encoding: assign
    vectors       histograms (n, cells k)     encoding: pool, histograms
                  or Fisher (n, 2 k D)                  mixture, fisher
                  or VLAD (n, k length)                 vlad
    features      (n, d)                      encoding: projection
    decisions     (n, machines)               svm: part_weights, kernel; bovw joins all
    labels        (n,)                        experiments: run fits, predicts, records

`svm.pixel` and `svm.virtual` fit SVMs directly to pixels. `contracts` defines the
interfaces between the stages, and `evaluation` turns labels into numbers. The folders
around the science are `datasets` (labelled images), `storage` (files, locks, the
cache), `models` (methods by name, saved models), `experiments` (runs and other
measurements) and `commands`. The science imports no storage, command or progress bar;
CONTRIBUTING.md lists which folder may import which.

n images, N descriptors, k words, m nearest words, d features, C classes.
"""
