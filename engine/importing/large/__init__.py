"""Import of files with more examples than fit into memory: .parquet, .csv or .jsonl.

There is one row per example. The columns are those of `engine.importing.readers.parquet` with one value for each exit and example:
exit0.pred and perhaps exit0.conf with label, or exit0.correct or exit0.quality; costs such as exit0.cost_macs; and id, split, text,
factor_NAME, before_NAME and exit0.feature_NAME, which are optional. The modules, in the order of the data:

    source      recognizes such a file, and gives its rows in batches, as often as needed
    decoder     the process that reads the file for it; `rows_of_parquet`, `rows_of_csv` and `rows_of_jsonl` know the forms
    columns     which array a column belongs to
    scan        the first time through the rows: what must be known of all of them
    pieces      each batch as outputs, checked
    importer    all of this, and the bundle

A CSV or JSON-lines file of this form that the batches cannot take, as with an empty cell, is read whole as a log in wide form.
"""
