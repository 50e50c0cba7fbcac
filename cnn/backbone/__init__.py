"""Networks that others have trained on ImageNet: frozen, or their last layers tuned."""
