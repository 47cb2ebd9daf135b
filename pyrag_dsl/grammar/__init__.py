"""From text to a program, or to diagnostics. Nothing is run here."""
