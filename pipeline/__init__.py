"""Images to labels by a bag of visual words, and what every method shares.

    images        (n, h, w) uint8             data, images, datasets/; folder
      deskew, distort                         each (n, h, w) -> (n, h, w)
    descriptors   values (N, 128), offsets    dense_sift, detected_sift
    vocabulary    (k, 128)                    vocabulary, from a sample of descriptors
    words         index, weight (N, m)        assign
    histograms    (n, cells * k)              pool; bag_of_words joins these stages
      or Fisher vectors (n, 2 k D)            mixture, fisher
    features      (n, d)                      project
    decisions     (n, C (C - 1) / 2)          kernel_svm; bovw_svm joins all stages
    labels        (n,)                        run: fit, predict, record

A fitted classifier becomes a file and comes back by `model_file`; `predict` labels
image files with it.

`pixel_svm` goes from images (jittered, if wanted) straight to the SVM.

n images, N descriptors, k words, m nearest words, d features, C classes.
"""
