"""Program and journal to outcome. Pure: no I/O, no clock, no thread."""
