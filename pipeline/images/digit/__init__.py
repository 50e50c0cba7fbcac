"""Find the ink of a drawn or photographed digit and bring it into MNIST's form."""
