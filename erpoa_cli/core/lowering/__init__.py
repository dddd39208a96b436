"""What is declared in fewer words than it means → targets, with findings of what does not fit.

Pure: a declaration as a value with the places where it is written, in; a target and diagnostics, out. Whoever reads
declarations (`project` from YAML) parses, locates and looks names up; what they compile to is decided here.
"""
