"""Writes tests/goldens/data/csv.json: odd CSV texts and the records Python's csv module makes of them.

Run: python tools/golden/data_csv.py
"""

import csv
import io
import json
import pathlib
import random

HAND_WRITTEN = [
    "a,b\n1,2\n",
    "a,b\r\n1,2\r\n",
    "a,b\r1,2\r",
    "a,b\n1,2",
    "a,b\n\n\n1,2\n\n",
    'a,b\n"x, y",2\n',
    'a,b\n"line one\nline two",2\n',
    'a,b\n"line one\r\nline two",2\r\n',
    'a,b\n"line one\rline two",2\r',
    'a,b\n"say ""hi""",2\n',
    'a,b\n"""",""\n',
    'a,b\n"",\n',
    ",\n,\n",
    "a,\n",
    "a,",
    ",",
    '""',
    '"a"',
    'a,b\nit is 5" wide,2\n',
    'a,b\n"x"y,2\n',
    'a,b\n"x" "y",2\n',
    'a,b\n"x"",2\n',
    'a,b\n"x,2\n',
    'a,b\n"x""\n',
    'a,b\n "x",2\n',
    "a\tb,c\n1\t2,3\n",
    "h\u00e9,\u65e5\u672c\n\u00e4,\U0001f600\n",
    "a,b\n\u2028,\u0085\n",
    "a,b\n\x0b,\x0c\n",
    "   \n1\n",
    '"a\n\n\nb",c\n',
    "a\n\r\n\rb",
]


def records(text, delimiter, quote):
    dialect = {"delimiter": delimiter, "strict": False}
    dialect |= {"quoting": csv.QUOTE_NONE} if quote is None else {"quotechar": quote}
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), **dialect) if row]
    # a quote that is never closed swallows whatever follows
    probe = list(csv.reader(io.StringIO(text + "\nEND", newline=""), **dialect))
    return None if probe[-1] != ["END"] else rows


def main():
    generator = random.Random(20)
    texts = [(text, ",", '"') for text in HAND_WRITTEN]
    texts += [(text, "\t", None) for text in ['a\tb\n"x\t"y"\n', 'a\tb\r\n""\t"\r\n', '"\n"']]
    texts += [("a;b\n'x;y';'it''s'\n", ";", "'"), ('a|b\n"x|y"|"\n"', "|", '"')]
    for _ in range(300):
        length = generator.randrange(1, 24)
        alphabet = 'ab \u00e9,,""""\n\r' if generator.random() < 0.5 else 'a,"\n'
        texts.append(("".join(generator.choice(alphabet) for _ in range(length)), ",", '"'))
    cases = [
        {"text": text, "delimiter": delimiter, "quote": quote, "records": records(text, delimiter, quote)}
        for text, delimiter, quote in texts
    ]
    target = pathlib.Path(__file__).parents[2] / "tests/goldens/data/csv.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(cases, separators=(",", ":")) + "\n")


main()
