"""Methods that are not networks, one file per method, which has the method's name."""
