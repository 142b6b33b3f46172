"""Make what nobody writes by hand: the generated files of the checkout, and the site."""
