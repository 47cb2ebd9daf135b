"""transformers in this process: one ``generate`` for a batch, each row drawn and ended by its own options.

Rows are drawn by Gumbel's trick: the likeliest token of the scores plus noise is a sample of them, so that rows of any
temperature and seed stand in one greedy batch, and what a row says does not depend on who else is in it (but for what
floating-point numbers of another batch are). Grammars are read by llguidance; a reader of names is only asked about the
tokens that would be drawn, the likeliest first, until it lets one stand. Nothing a model folder holds is executed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers

from ...decoding.name_reader import NameReader
from .address import EngineAddress
from .generation import Deliver, Generated, Generation, RequestRefused, Wanted, before_stop
from .unpack import load

_FEW = 32  # tokens that are tried before all are ordered
_TAIL = 8  # tokens before a stop text that may belong to it


@dataclass(eq=False)
class _BatchRow:
    key: int
    asked: Generation
    matcher: Any = None
    reader: NameReader | None = None
    noise: torch.Generator | None = None
    tokens: list[int] = field(default_factory=list)
    ended: bool = False
    wrong: str = ""


class TransformersEngine:
    """See `Engine`. A batch is generated to its end before the next is taken."""

    gather = 0.02

    def __init__(self, address: EngineAddress) -> None:
        options = address.options
        cuda = torch.cuda.is_available()
        if "threads" in options:
            torch.set_num_threads(options["threads"])
        self.device = torch.device(str(options.get("device", "cuda" if cuda else "cpu")))
        # A CPU has fast kernels for 32 bits, whatever the file holds.
        dtype = str(options.get("dtype", "float32" if self.device.type == "cpu" else "auto"))
        self.tokenizer, model = load(address.path, dtype)
        self.model: Any = model.to(self.device).eval()
        own = self.model.generation_config
        ends = own.eos_token_id if own.eos_token_id is not None else self.tokenizer.eos_token_id
        self.ends = frozenset([ends] if isinstance(ends, int) else ends or ())
        self.pad = self.tokenizer.pad_token_id
        if self.pad is None:
            self.pad = min(self.ends, default=0)
        # The model's own defaults (penalties, temperature) would change what the options of a request say.
        self.model.generation_config = transformers.GenerationConfig(
            do_sample=False, eos_token_id=sorted(self.ends) or None, pad_token_id=self.pad
        )
        config = self.model.config.get_text_config()
        self.context = int(options.get("context") or getattr(config, "max_position_embeddings", None) or 4096)
        self.most = int(options.get("batch", 8 if self.device.type == "cpu" else 32))
        self.vocabulary = int(config.vocab_size)
        self._rows: dict[int, _BatchRow] = {}
        self._matchers: dict[str, Any] = {}
        self._guided: Any = None
        self._texts: dict[int, str] = {}

    def add(self, key: int, asked: Generation) -> None:
        """Take a request into the next batch."""
        row = _BatchRow(key, asked)
        if asked.grammar is not None:
            row.matcher = self._matcher(asked.grammar)
        if asked.names is not None:
            try:
                row.reader = NameReader.of(asked.names)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise RequestRefused(f"the names beside the grammar cannot be read: {error}") from error
        if asked.temperature > 0:
            row.noise = torch.Generator()
            if asked.seed is None:
                row.noise.seed()
            else:
                row.noise.manual_seed(asked.seed % 2**63)
        self._rows[key] = row

    def step(self, deliver: Deliver, wanted: Wanted) -> None:
        """Generate the whole batch; each row is delivered when it ends."""
        rows = list(self._rows.values())
        longest = max(len(row.asked.tokens) for row in rows)
        pads = [longest - len(row.asked.tokens) for row in rows]
        ids = torch.tensor([[self.pad] * pad + list(row.asked.tokens) for row, pad in zip(rows, pads, strict=True)])
        mask = torch.tensor([[0] * pad + [1] * (longest - pad) for pad in pads])

        def drawn(ids: Any, scores: Any) -> Any:  # noqa: ARG001
            for place, row in enumerate(rows):
                if not row.ended:
                    scores[place] = self._draw(row, scores[place])
            return scores

        def ended(ids: Any, scores: Any, **_: Any) -> Any:  # noqa: ARG001
            last = ids[:, -1].tolist()
            for row, token in zip(rows, last, strict=True):
                if not row.ended:
                    row.ended = not wanted(row.key) or self._end(row, token, deliver)
            return torch.tensor([row.ended for row in rows], device=ids.device)

        try:
            with torch.inference_mode():
                self.model.generate(
                    input_ids=ids.to(self.device),
                    attention_mask=mask.to(self.device),
                    max_new_tokens=max(row.asked.max_tokens for row in rows),
                    logits_processor=transformers.LogitsProcessorList([drawn]),
                    stopping_criteria=transformers.StoppingCriteriaList([ended]),
                )
        finally:
            for row in rows:
                self._rows.pop(row.key, None)

    def drop(self, key: int) -> None:
        """Leave a request out of the next batch."""
        self._rows.pop(key, None)

    def close(self) -> None:
        """Let go of the model."""
        self.model = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _draw(self, row: _BatchRow, scores: Any) -> Any:
        scores = scores.float()
        if row.matcher is not None:
            if row.tokens and not row.matcher.is_stopped() and not row.matcher.consume_token(row.tokens[-1]):
                row.wrong = row.matcher.get_error() or "the grammar refuses a token that it allowed"
            allowed = self._allowed(row.matcher)
            scores = scores.masked_fill(~allowed.to(scores.device), -torch.inf)
        if row.noise is None:
            return self._named(row, scores) if row.reader is not None else scores
        narrowed = _narrowed(scores / row.asked.temperature, row.asked.top_k, row.asked.top_p)
        noise = -torch.empty(scores.shape[-1]).exponential_(generator=row.noise).log()
        noisy = narrowed + noise.to(scores.device)
        # Where nothing is left of what the options leave, the likeliest token beyond them.
        return self._named(row, noisy, scores) if row.reader is not None else noisy

    def _named(self, row: _BatchRow, *rankings: Any) -> Any:
        """The first token of the rankings, one after the other, that the reader of names lets stand; no other."""
        assert row.reader is not None
        refused: set[str] = set()  # beginnings of tokens that may not stand
        for scores in rankings:
            for token in _from_the_top(scores):
                text = "" if token in self.ends else self._text_of(token)
                if any(text[:end] in refused for end in range(1, len(text) + 1)):
                    continue
                after = row.reader.after(text) if text else row.reader
                if after is not None and (text or row.reader.may_end):
                    row.reader = after
                    return torch.full_like(scores, -torch.inf).index_fill(0, _one(token, scores), 0.0)
                refused.add(text[: row.reader.refusal(text) + 1])
        row.wrong = "no token of the model goes on with a plan"
        return rankings[0]

    def _text_of(self, token: int) -> str:
        """The bytes of a token, as `NameReader` takes them."""
        if token not in self._texts:
            self._texts[token] = self._guided.decode_bytes([token]).decode("latin-1")
        return self._texts[token]

    def _end(self, row: _BatchRow, token: int, deliver: Deliver) -> bool:
        """Whether a row ends with this token; it is delivered then."""
        asked = row.asked
        row.tokens.append(token)
        kept, reason = row.tokens, "length"
        if row.wrong:
            deliver(row.key, RuntimeError(row.wrong))
            return True
        if token in self.ends:
            kept, reason = row.tokens[:-1], "stop"
        elif self._stopped(row):
            reason = "stop"
        elif len(row.tokens) < asked.max_tokens:
            return False
        text, stop = before_stop(self._text(kept), asked.stops)
        deliver(row.key, Generated(text, "stop" if stop else reason, stop, len(row.tokens)))
        return True

    def _stopped(self, row: _BatchRow) -> bool:
        if not row.asked.stops:
            return False
        tail = self._text(row.tokens[-max(map(len, row.asked.stops)) - _TAIL :])
        return any(stop in tail for stop in row.asked.stops)

    def _text(self, tokens: list[int]) -> str:
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def _matcher(self, grammar: str) -> Any:
        """A fresh reader of a grammar. Raises `RequestRefused`."""
        import llguidance
        import llguidance.hf

        if self._guided is None:
            self._guided = llguidance.hf.from_tokenizer(
                self.tokenizer, n_vocab=self.vocabulary, eos_token=sorted(self.ends) or None
            )
        if grammar not in self._matchers:
            try:
                text = llguidance.grammar_from("grammar", grammar)
            except Exception as error:
                raise RequestRefused(f"the grammar cannot be read: {error}") from error
            matcher = llguidance.LLMatcher(self._guided, text, log_level=0)
            if matcher.is_error():
                raise RequestRefused(f"the grammar cannot be read: {matcher.get_error()}")
            self._matchers[grammar] = matcher
        return self._matchers[grammar].deep_copy()

    def _allowed(self, matcher: Any) -> Any:
        if matcher.is_stopped():
            allowed = torch.zeros(self.vocabulary, dtype=torch.bool)
            allowed[sorted(self.ends)] = True
            return allowed
        bits = torch.frombuffer(bytearray(matcher.compute_bitmask()), dtype=torch.uint8)
        on = (bits[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1
        return on.flatten()[: self.vocabulary].bool()


def _from_the_top(scores: Any) -> Iterator[int]:
    """Tokens that are not ruled out, the likeliest first; the first few are found without ordering all."""
    few = min(_FEW, scores.shape[-1])
    values, places = scores.topk(few)
    found = places[values > -torch.inf].tolist()
    yield from found
    if len(found) == few:
        values, places = scores.sort(descending=True)
        yield from places[values > -torch.inf].tolist()[few:]


def _one(token: int, scores: Any) -> Any:
    return torch.tensor([token], device=scores.device)


def _narrowed(scores: Any, top_k: int, top_p: float) -> Any:
    """Scores without the tokens that these options leave out."""
    if top_k:
        least = scores.topk(min(top_k, scores.shape[-1])).values[-1]
        scores = scores.masked_fill(scores < least, -torch.inf)
    if top_p < 1:
        ordered, places = scores.sort(descending=True)
        before = ordered.softmax(-1).cumsum(-1) - ordered.softmax(-1)
        out = before >= top_p
        out[0] = False
        scores = scores.index_fill(0, places[out], -torch.inf)
    return scores
