"""Steps that learn from rows before these are written: when, from which, and what is kept."""
