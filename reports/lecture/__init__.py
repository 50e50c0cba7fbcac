"""Repeat the lecture's computations and compare them with the numbers on its slides.

Cho-Jui Hsieh, CS260 Lecture 11, "Convolutional Neural Networks", UCLA 2019. Every step
is computed with numpy; the tests compare it with the networks in `cnn`. Comments point
out where the lecture contradicts itself.
"""

from visbase.reports.lecture.convolution import (
    Step,
    activation,
    convolutions,
    dropout,
    padding_and_pooling,
)
from visbase.reports.lecture.networks import (
    field_sizes,
    lenet5,
    parameter_counts,
    vgg_table,
)


def walk_through() -> list[Step]:
    """Return every computation, in the order of the lecture."""
    return [
        *convolutions(),
        *activation(),
        *padding_and_pooling(),
        *lenet5(),
        *parameter_counts(),
        *vgg_table(),
        *field_sizes(),
        dropout(),
    ]
