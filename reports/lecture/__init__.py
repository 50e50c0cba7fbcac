"""The lecture's computations, done by this program beside the lecture's own figures.

Cho-Jui Hsieh, CS260 Lecture 11, "Convolutional Neural Networks", UCLA 2019. Every step
is computed with numpy; the tests compare it with the networks of `cnn`. Where the
lecture's figures disagree with each other, the comment says so.
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
    """Every computation of the lecture in its order."""
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
