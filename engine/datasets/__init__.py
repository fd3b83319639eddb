"""Data sets: sources of images and labels."""
