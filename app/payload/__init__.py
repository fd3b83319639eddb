"""What the browser gets: the arrays from which the live block paints any budget."""
