"""How the doodles are drawn: pen, things, backgrounds, weather, and the scene that combines them."""
