"""The flow of an image to its label: the first file to read.

    images        (n, h, w[, 3]) uint8        images: files, grey, deskew, distort, warp
    descriptors   values (N, length), offsets descriptors: dense_sift, detected_sift
    vocabulary    (k, length)                 encoding: vocabulary, or a mixture
    words         index, weight (N, m)        encoding: assign
    vectors       histograms (n, cells k)     encoding: pool, histograms
                  or Fisher (n, 2 k D)                  mixture, fisher
                  or VLAD (n, k length)                 vlad
    features      (n, d)                      encoding: projection
    decisions     (n, C (C - 1) / 2)          svm: kernel; bovw joins all stages
    labels        (n,)                        experiments: run fits, predicts, records

`svm.pixel` and `svm.virtual` go from images straight to machines. `contracts` says
what the parts promise each other, `evaluation` turns labels into numbers. The rooms
around the science: `datasets` (labelled images), `storage` (files, locks, the cache),
`experiments` (runs and what is measured besides), `models` (methods by name, saved
files), `commands`. Imports go down this list and never back up; the science imports no
storage, command or progress bar.

n images, N descriptors, k words, m nearest words, d features, C classes.
"""
