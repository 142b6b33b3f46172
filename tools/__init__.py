"""What the checkout holds and nobody writes by hand: ``python -m tools.generate`` writes it."""
