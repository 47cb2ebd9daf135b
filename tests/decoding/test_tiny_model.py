"""A transformer with random weights on the CPU, decoding through llguidance: what it finishes is a plan.

Needs torch and transformers, which no extra of the project installs; the walks say the same without them.
"""

from __future__ import annotations

import pytest

import pyrag_dsl as pd
from pyrag_dsl.decoding import DIALECTS, Recogniser, decoding_grammar, plan_rules
from tests.decoding.engine import END, llguidance, readable, tokenizer

torch = pytest.importorskip("torch", reason="torch is not installed: a model is needed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed: a model is needed")

LONGEST = 1200  # tokens, each one byte
REPLIES = 4


class Masked(transformers.LogitsProcessor):
    """Leaves the tokens that a grammar allows next, for each sequence of a batch."""

    def __init__(self, grammar: str, batch: int) -> None:
        self.matchers = [llguidance.LLMatcher(tokenizer(), grammar, log_level=0) for _ in range(batch)]
        self.seen = 0

    def __call__(self, input_ids, scores):
        for row, matcher in enumerate(self.matchers):
            # The prompt is one token, which is none of the text's; the token before is the model's own.
            if self.seen and not matcher.is_stopped():
                assert matcher.consume_token(int(input_ids[row, -1]))
            if matcher.is_stopped():
                allowed = torch.tensor([END])
            else:
                bits = torch.frombuffer(bytearray(matcher.compute_bitmask()), dtype=torch.uint8)
                on = (bits[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1
                allowed = on.flatten()[: scores.shape[1]].nonzero().flatten()
            kept = torch.full_like(scores[row], -float("inf"))
            kept[allowed] = scores[row, allowed]
            scores[row] = kept
        self.seen += 1
        return scores


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(11)
    torch.set_num_threads(1)
    config = transformers.LlamaConfig(
        vocab_size=END + 1,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=LONGEST + 8,
        bos_token_id=END,
        eos_token_id=END,
        pad_token_id=END,
    )
    return transformers.LlamaForCausalLM(config).eval()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_model_of_noise_writes_plans(model, dialect):
    grammar = readable(dialect, decoding_grammar(dialect, level="safe", hops=3))
    prompt = torch.full((REPLIES, 1), END)
    with torch.no_grad():
        written = model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            do_sample=True,
            max_new_tokens=LONGEST,
            logits_processor=transformers.LogitsProcessorList([Masked(grammar, REPLIES)]),
        )
    finished = [row[1 : 1 + row[1:].index(END)] for row in written.tolist() if END in row[1:]]
    assert finished
    for tokens in finished:
        pd.parse(bytes(tokens).decode("utf-8"), inputs=["question"])
    # What was cut off has no end, and is still the beginning of a plan.
    reading = Recogniser(plan_rules("safe", hops=3))
    cut = [row[1:] for row in written.tolist() if END not in row[1:]]
    assert all(reading.begins(bytes(tokens).decode("utf-8", "ignore")) for tokens in cut)


def test_without_the_grammar_it_writes_noise(model):
    prompt = torch.full((REPLIES, 1), END)
    with torch.no_grad():
        written = model.generate(
            prompt, attention_mask=torch.ones_like(prompt), do_sample=True, max_new_tokens=60, suppress_tokens=[END]
        )
    for row in written.tolist():
        with pytest.raises(pd.PlanRejected):
            pd.parse(bytes(row[1:]).decode("utf-8", "replace"))
