"""Import of Parquet files with more examples than fit into memory.

There is one row per example. The columns are those of `engine.importing.readers.parquet` with one value for each exit and example:
exit0.pred and perhaps exit0.conf with label, or exit0.correct or exit0.quality; costs such as exit0.cost_macs; and id, split, text,
factor_NAME, before_NAME and exit0.feature_NAME, which are optional. No cell may be empty.
"""
