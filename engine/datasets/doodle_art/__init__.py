"""How the doodles are drawn: dice, pen, things, backgrounds, weather, and the scene that combines them."""
