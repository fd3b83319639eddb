"""Many settings at once: what a per-example loop says about one threshold setting, said about thousands by counting.

Everything here equals that loop exactly. Which counter fits which question:
one setting, any thresholds: `ranks`; a list of settings: `bits`; every setting of a grid: `grid`; every setting of one knob: `curve`;
the best setting: `ascent`.
"""
