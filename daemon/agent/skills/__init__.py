"""Skills: functions with types and a docstring that become tools; they run in a cell, always.

Nothing of a skill is executed to know what it is: its source is read, its schema made from
the annotations, its words from the docstring.
"""
