"""Other people's outputs become bundles here. The modules, in the order in which a file passes through them:

    importer    the entry: one file, checked and written as a bundle; `notebook` does the same with what `frames` makes of a data frame
    worker      the process in which files are read, with limits of memory (`budget`) and time; `readers.separate_process` starts it
    readers     from a file to what it holds, `schema.Given`: named arrays, or the table of a log
    arrays      from arrays such as logits to the parts of a bundle (`parts`)
    logs        from a log of models, in long or wide form, to the same parts
    diagnosis   likely mistakes in the parts
    draft       all of this together, as a bundle that is not written yet
    large       the same way for a file of many examples, one batch of rows after the other
    summary     what the command says about the bundle

An import ends with the diagnosis, which sweeps policies, so this package is above them. What reads and checks files knows of none, which
`.importlinter` holds.

`checks`, `ids`, `splits`, `equal_rows`, `quality` and `confidence` are shared by arrays and logs. `options` are the user's, `templates`
writes example files, and `help_text` lists all names.
"""
