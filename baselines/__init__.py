"""Methods that are not networks, one file each; the file's name is the method's."""
