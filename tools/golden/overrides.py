"""Writes tests/goldens/config/overrides.json: how Hydra reads override lines.

Run with hydra-core 1.3.8: python tools/golden/overrides.py
"""

import json
import math
from pathlib import Path

from hydra import __version__
from hydra.core.override_parser.overrides_parser import OverridesParser

VALUES = r"""
1 0 -0 +5 007 1_000 1__0 0x1F 1a a1 -1 --x .5 1. 1.0 0.10 1e3 1E-3 5e-05 1.5e+2 -.5 1_0.5 e5 1e inf -inf +inf nan NaN
INF true True TRUE false trues null NULL nullx none None ~ hello hello\ world a\,b a\=b a\:b a\{b a\\b C:\x a\qb \\
x/y.z a@b a?b a|b a*b a+b a%b a$b sqlite:///x/y.db http://h:1/a 2020-01-01 12:30:00 12:30
'' "" 'a' "a" 'a b' '1' "null" 'a,b' 'x\'y' "x\"y" 'x"y' "x'y" 'a\\b' 'a\\' 'a\qb' 'a\\\'b' "a\\\\" 'a=b' '${b}' 'a'b 'a
[] [1] [1,2] [a,b,c] ['a b',"c"] [[1,2],[3]] [1,[2,{a:3}]] [null,true,1.0] [1,] [,1] [1,2 1] [a:b] [a=b] [a/b]
{} {a:1} {a:1,b:2} {a:{b:{c:1}}} {a:[1,2]} {a:b:c} {a:null} {1:2} {a} {a:} {a:1 {:1} {a:1,} {a-b:1} {a.b:1} {true:1}
a=b a(b) a) (a {a [a a] a} a,b 1,2 a,b,c choice(a,b) range(1,3) ${b} ${oc.env:HOME} x${b}y ${b # !
""".split()

# values in which spaces matter
SPACED = [
    "hello world", " hello", "hello ", "  a  b  ", " 1 ", "1 2", "true false", "[ 1 , 2 ]", " [1, 2] ", "{ a : 1 , b : 2 }",
    "{a b:1}", "[a b, c d]", "'a' ", " 'a'", "'a' b", "a 'b'", "\ta", "a\\ ", "\\ a", " ", "", "{a: 'x y', b: [1, 2.0, \"z\"]}",
]  # fmt: skip

LINES = [
    "a.b.c=1", "+a=1", "++a.b=1", "~a", "~a.b", "~a=1", "~a.b='x'", "a.0=1", "a.0.b=1", "callbacks.0.patience=3", "a_b=1",
    "_a=1", "a-b=1", "a.b-c=1", "A=1", "a1=1", "1a=1", "a b=1", "=1", "a", "+a", "", "a.=1", ".a=1", "a..b=1", "+++a=1",
    "-a=1", "~~a", "a.b", "a =1", "a.$b=1", "a[0]=1", "++a", "~",
]  # fmt: skip


def encode(value):
    """Marks what JSON cannot hold."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    if isinstance(value, dict):
        return {"dict": [[str(key) if not isinstance(key, bool) else str(key).lower(), encode(item)] for key, item in value.items()]}
    if isinstance(value, list):
        return [encode(item) for item in value]
    return value


def read(parser, line):
    try:
        override = parser.parse_override(line)
    except Exception:
        return {"line": line, "error": True}
    if override.is_sweep_override():
        return {"line": line, "sweep": True}
    result = {"line": line, "type": override.type.name, "key": override.key_or_group}
    value = override.value()
    return result if override.is_delete() and value is None else {**result, "value": encode(value)}


def main():
    parser = OverridesParser.create()
    lines = [f"a={value}" for value in VALUES + SPACED] + LINES
    golden = {"hydra": __version__, "overrides": [read(parser, line) for line in lines]}
    path = Path(__file__).parents[2] / "tests/goldens/config/overrides.json"
    path.write_text(json.dumps(golden, indent=1) + "\n")


main()
