"""From a program and a journal to an outcome. This is pure: it does no I/O, reads no clock and starts no thread."""
