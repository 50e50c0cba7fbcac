"""Networks that others have trained on ImageNet, used as they are: frozen backbones."""
