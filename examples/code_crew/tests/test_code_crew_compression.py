"""Shorter prompts that still say what is wanted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from code_crew.compression import BpeTokenizer, PromptCompressor

compressor = PromptCompressor(BpeTokenizer())


def test_tokens_are_those_of_the_models_and_not_words():
    assert compressor.count("hello world") == 2
    assert compressor.count("unbelievably") == 3
    assert compressor.count("") == 0


def test_politeness_and_white_space_go_first():
    short = compressor.compress("Could you   please\n write a sieve?  Thank you very much!", 100)

    assert short.text == "write a sieve?"
    assert short.tokens < short.tokens_before


def test_what_is_said_twice_is_said_once():
    assert compressor.compress("Sort it. Be quick. Sort it.", 100).text == "Sort it.\nBe quick."


def test_code_stays_as_it_is():
    code = "```python\ndef f():\n    please = 1\n```"

    assert compressor.compress(f"Please mend this:\n\n{code}", 100).text == f"mend this:\n{code}"


def test_the_first_sentence_and_the_code_stay_longest():
    code = "```python\nx = 1\n```"
    prompt = f"Mend the parser. It is slow. It is slow today. Numbers overflow.\n\n{code}"

    short = compressor.compress(prompt, 18)

    assert short.text.startswith("Mend the parser.")
    assert short.text.endswith(code)
    assert "It is slow." not in short.text
    assert short.tokens <= 18


def test_one_long_sentence_is_cut():
    short = compressor.compress("word " * 100, 10)

    assert 0 < short.tokens <= 10


def test_no_room_at_all_is_refused():
    with pytest.raises(ValueError, match="1 or more, not 0"):
        compressor.compress("word", 0)


def test_a_character_is_not_cut_in_two():
    tokenizer = BpeTokenizer()
    tokens = tokenizer.encode("größe 😀😀")

    for end in range(len(tokens) + 1):
        assert "größe 😀😀".startswith(tokenizer.decode(tokens[:end]))


@settings(max_examples=30)
@given(st.text(max_size=300), st.integers(1, 40))
def test_every_prompt_fits_and_the_same_gives_the_same(prompt, most):
    short = compressor.compress(prompt, most)

    assert short.tokens <= most
    assert short.tokens == compressor.count(short.text)
    assert compressor.compress(prompt, most) == short
