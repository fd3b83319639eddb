"""Masks: how well they overlap, and what they tell of a picture as a whole."""
