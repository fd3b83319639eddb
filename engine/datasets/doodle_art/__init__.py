"""How the doodles are drawn: dice, pen, things, places, weather, and the scene that puts them together."""
