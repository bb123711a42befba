"""Firefunction and Phi-4 mini: `functools[{"name": …}]`."""

from daemon.agent.extraction.boxed import boxed

GRAMMAR = boxed("functools", ("functools",), (), ("firefunction", "phi"))
