"""Tool calls that a model wrote into its text, where its protocol had a place of its own for them.

A grammar for each family of models; one machine for streams and for whole texts; linear
in the text. What is no call stays text, and what is text is never lost.
"""

from daemon.agent.extraction.shapes import Call, Extraction, Fault, Part, gathered
from daemon.agent.extraction.stream import Stream, extract

__all__ = ["Call", "Extraction", "Fault", "Part", "Stream", "extract", "gathered"]
