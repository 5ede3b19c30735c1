"""`edgemin compress`: from a data file, with or without a model, to a recommended recipe. It writes a study, estimates it on this machine and runs it.

`request` is what was asked, `inputs` reads data and model, `space` is what is tried, `estimate` how long it takes by the paces of `timing`,
`study_file` the study, `running` Snakemake, `answer` what came of it. `command` does one after the other.
"""
