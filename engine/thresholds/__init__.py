"""Many threshold settings at once: counting gives for thousands of settings what a loop over the examples gives for one.

Every result equals that of the loop exactly. Which module to use: `ranks` for one setting with any thresholds, `bits` for a list of
settings, `grid` for every setting of a grid, `curve` for every setting of one knob, `ascent` for the best setting.
"""
