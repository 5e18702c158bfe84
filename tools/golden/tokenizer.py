"""Writes tests/goldens/data/tokenizer-*.json: token ids of odd texts by transformers' tokenizers.

Run: SCONCE_DATA=/path/to/data SCONCE_MINILM=/path/to/minilm python tools/golden/tokenizer.py
Without the two variables only the tiny vocabulary is written; with them also the published ones.
"""

import json
import os
import pathlib
import random
import string
import tempfile

from transformers import AutoTokenizer, PreTrainedTokenizerFast

GOLDENS = pathlib.Path(__file__).parents[2] / "tests/goldens/data"

TEXTS = [
    "",
    " ",
    " \t\n\r\u00a0\u3000 ",
    "Hello world, this is Sconce.",
    "hello",
    "HELLO Hello hElLo",
    "unaffable unbelievably",
    "it's 5\u2033 wide -- isn't it?!",
    "na\u00efve caf\u00e9 \u00c5ngstr\u00f6m \u0130stanbul \u0131 \u00df \u1e9e",
    "nai\u0308ve cafe\u0301 A\u030angstro\u0308m",
    "e" + "\u0301" * 40,
    "\u0301\u0301 a",
    "\u4f60\u597d\u4e16\u754c hello\u4f60",
    "\u3053\u3093\u306b\u3061\u306f \u30ab\u30bf\u30ab\u30ca \uac00\ub098\ub2e4 \u1112\u1161\u11ab",
    "\U00020000\U0002a6d6\uf900",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd \u200fabc\u200e \u202eabc\u202c",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0928\u092e\u0938\u094d\u0924\u0947",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd \U0001f1e9\U0001f1ea \u2764\ufe0f",
    "a\u0000b \u0001\u0002\u0007\u007f\u0080\u009f c",
    "a\u200bb\u200cc\u200dd\ufeffe\u2060f\u00adg",
    "\ufffd a\ufffdb",
    "\ufb01ne \u2460 \u00bd \u210c \uff28\uff45\uff4c\uff4c\uff4f",
    "line\u2028para\u2029nel\u0085vt\u000bff\u000c",
    "x" * 100,
    "x" * 101,
    "x" * 5000 + " end",
    "a" * 99 + "\u0301",
    "[CLS] [SEP] [MASK] [PAD] [UNK] [cls] <s></s><pad>",
    "[MASK]ed un[SEP]able",
    "##able ## # ##",
    "http://example.org/a?b=c&d=%20#e user@example.org 1,234.56 $5 \u20ac5 5%",
    "word " * 300,
    "!" * 300,
    "\u4e2d" * 300,
    "tab\tnew\nline\r\nend",
    "  two  spaces  ",
    "\\n \"quoted\" 'single' `tick` <b>html</b> &amp;",
    "\ud7ff\ue000\uffff\U0010ffff",
]

PAIRS = [
    ("hello world", "this is"),
    ("", "hello"),
    ("hello", ""),
    ("", ""),
    ("word " * 30, "hello"),
    ("hello", "word " * 30),
    ("word " * 30, "able " * 31),
    ("able " * 31, "word " * 30),
    ("word " * 400, "able " * 500),
]


def random_texts(count):
    """Texts of characters from many blocks: what no person would think of."""
    generator = random.Random(3)
    blocks = [(32, 127), (0, 32), (0xA0, 0x250), (0x300, 0x370), (0x370, 0x700), (0x4E00, 0x4F00), (0x2000, 0x2070)]
    blocks += [(0x1F300, 0x1F700), (0xAC00, 0xAD00), (0x1E00, 0x1F00), (0xFE00, 0x10000), (0x20000, 0x20100)]
    for _ in range(count):
        chosen = generator.sample(blocks, 3)
        length = generator.randrange(1, 40)
        yield "".join(chr(generator.randrange(*generator.choice(chosen))) for _ in range(length))


def tiny_vocab():
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = string.ascii_letters + string.digits + "\u00e9\u00ef\u00f6\u00e5\u00c5\u0131\u00df\u0301"
    tokens += list(letters) + [f"##{letter}" for letter in letters]
    tokens += list(string.punctuation) + list("\u4f60\u597d\u4e16\u4e2d\u20ac\u2764") + ["\U0001f600", "\u4f60\u597d"]
    tokens += ["hello", "Hello", "world", "this", "is", "un", "##aff", "##able", "able", "word", "caf\u00e9", "cafe"]
    return tokens


def cases(tokenizer, lengths):
    texts = TEXTS + list(random_texts(60))
    rows = []
    for max_length in lengths:
        ids = tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
        firsts, seconds = zip(*PAIRS)
        pairs = tokenizer(list(firsts), list(seconds), truncation=True, max_length=max_length, return_token_type_ids=True)
        rows.append({
            "max_length": max_length,
            "ids": ids,
            "pair_ids": pairs["input_ids"],
            "pair_types": pairs["token_type_ids"],
        })
    return rows


def write(name, content):
    GOLDENS.mkdir(parents=True, exist_ok=True)
    path = GOLDENS / f"{name}.json"
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n")
    print(path.name, path.stat().st_size)


def tiny():
    variants = [
        {"do_lower_case": True},
        {"do_lower_case": False},
        {"do_lower_case": True, "strip_accents": False},
        {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False},
    ]
    rows = []
    for config in variants:
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "vocab.txt").write_text("\n".join(tiny_vocab()) + "\n", encoding="utf-8")
            pathlib.Path(folder, "tokenizer_config.json").write_text(
                json.dumps({"tokenizer_class": "BertTokenizer", **config})
            )
            rows.append({"config": config, "cases": cases(AutoTokenizer.from_pretrained(folder), [16])})
    write("tokenizer-tiny", {"vocab": tiny_vocab(), "variants": rows})


def published():
    minilm = os.environ.get("SCONCE_MINILM")
    if minilm:
        write("tokenizer-minilm", cases(AutoTokenizer.from_pretrained(minilm), [8, 64]))
    data = os.environ.get("SCONCE_DATA")
    if data:
        for name, pad in [("roberta-base", "<pad>"), ("t5-small", "<pad>")]:
            file = os.path.join(data, "tokenizers", name, "tokenizer.json")
            write(f"tokenizer-{name}", cases(PreTrainedTokenizerFast(tokenizer_file=file, pad_token=pad), [32]))


write("tokenizer-texts", {"texts": TEXTS + list(random_texts(60)), "pairs": PAIRS})
tiny()
published()
