"""The embedded reader: an extractive stand-in for a language model."""
