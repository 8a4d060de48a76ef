"""Describes FashionMNIST (Xiao et al. 2017)."""

from __future__ import annotations

from study.datasets.descriptor import DatasetDescriptor, DatasetName, Files

DESCRIPTOR = DatasetDescriptor(
    name=DatasetName("fashion-mnist"),
    title="Fashion-MNIST",
    short="FashionMNIST",
    classes=(
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ),
    side=28,
    train_images=54_000,
    validation_images=6_000,
    test_images=10_000,
    # The clothes have no left and right, and shoes, which all point to one side, remain shoes.
    flips=True,
    # Of what Zalando published; computed from Debian's package, whose compressed files have the MD5 sums
    # that torchvision lists.
    sha256="cdaefe7020b947301f0560c07227fd2cd91a7b3a0511c6f929840a1f1baa1f46",
    part_sha256=(
        "56016b2341e99c383df5cc0ed736f4afb12a6c90855d9f3d69981b294a0159ad",
        "b73438e78d64c9f337edad19c3eea888b49d646dbe27b46e4e3177218f3581e7",
    ),
    files=Files(
        torchvision="FashionMNIST",
        folder="/usr/share/datasets/fashion-mnist",
        package="dataset-fashion-mnist",
        kaggle="fashion-mnist",
    ),
    source="xiao2017",
)
