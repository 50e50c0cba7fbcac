"""The lecture's computations, done by this program beside the lecture's own figures.

Cho-Jui Hsieh, CS260 Lecture 11, "Convolutional Neural Networks", UCLA 2019. Every step
is computed by `layers` with numpy; the tests compare it with the networks of `cnn`.
Where the lecture's figures disagree with each other, the comment says so.
"""

from visbase.reports.lecture.networks import (
    lenet5,
    parameter_counts,
    receptive_fields,
    vgg_table,
)
from visbase.reports.lecture.operations import (
    activation,
    convolutions,
    dropout,
    padding_and_pooling,
)
from visbase.reports.lecture.step import Step


def walk_through() -> list[Step]:
    """Every computation of the lecture in its order."""
    return [
        *convolutions(),
        *activation(),
        *padding_and_pooling(),
        *lenet5(),
        *parameter_counts(),
        *vgg_table(),
        *receptive_fields(),
        dropout(),
    ]
