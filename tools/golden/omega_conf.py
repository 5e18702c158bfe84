"""Writes tests/goldens/config/omegaconf.json: how OmegaConf reads, merges, resolves, selects, updates and writes.

Run with omegaconf 2.3.1, which hydra-core 1.3.8 brings: python tools/golden/omega_conf.py
"""

import json
import os
import random
import warnings
from dataclasses import dataclass, field, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Dict, List, Optional, Union, get_args, get_origin, get_type_hints

import yaml
from omegaconf import MISSING, OmegaConf, version
from omegaconf import errors

warnings.simplefilter("ignore")
os.environ["SCONCE_GOLDEN_A"] = "12"
os.environ.pop("SCONCE_GOLDEN_UNSET", None)

PLAIN = r"""
1 0 -0 +5 007 010 08 0o17 1_000 1__0 0_ 0x1F 0xG 0b101 0b2 1a -1 -- - .5 1. 1.0 0.10 1e3 1E-3 5e-05 1.5e+2 1.5e3 -.5 +.5 1_0.5
-.inf .inf +.inf .Inf .INF inf nan .nan .NaN .NAN -.nan e5 1e +1e5 -1e-5 1_0e1_0 1:30 1:30:45 190:20:30 1:60 1:30.5 0:0
true True TRUE tRue false False FALSE yes Yes YES yEs no No NO on On ON off Off OFF y Y n N t f null Null NULL nUll ~ none None
2020-01-01 2020-01-01T10:00:00Z 12:30:00 hello a.b a/b http://h:1/x x:y x=y a#b 'a' "a" 'null' "1" '' "" "a\tb" 'a\tb' "\x41\u263a"
??? ${a} a${b}c 99999999999999999999 -99999999999999999999 9007199254740993 1.7976931348623157e308 1e400 -1e400 4.9e-324 0.1 1e22 1e21
[] {} [1,2] [a,b,] {a:1} {a} [~,yes,1e3] -a ?a :a a: = << !!str !!int,3 0.0 -0.0 00 0. 1_ 1_. ._5 +0x1f -0b11 1.e5 .5e3 .5e-3
""".split()  # fmt: skip

TEXTS = [
    "", "# nothing", "---\na: 1", "a: 1\n...", "a:", "a:\nb: 1", "? a\n: 1", "- 1\n- a", "a:\n- 1\n- 2", "a: {b: {c: [1, {d: 2}]}}",
    "a: |\n  x\n   y\n\nb: 1", "a: >\n  x\n  y\n\n  z\n", "a: |-\n  x\n", "a: |\n  x", "a: >\n  x\n  y", "a: |+\n  x", "- |\n  x\n\n- y", "a: |2\n   x", "a: >+\n  x\n\n", "a: 'it''s'", 'a: "x\\ny"', "a: x\n  y\n  z",
    "a: !!str 1", "a: !!int '3'", "a: !!float 1", "a: !!bool yes", "a: !!null x", "a: !!str", "a: ! 12 x", "a: !!int abc", "a: !foo x",
    "a: !!python/tuple [1]", "a: !!python/object/apply:os.system [ls]", "1: a", "1.5: a", "yes: 1", "'1': a\n1: b", "on: 1\n'on': 2",
    "~: 1", "null: 1", "[1]: 2", "{a: 1}: 2", "a: 1\na: 2", "a: 1\n'a': 2", "a: {b: 1, b: 2}", "a: &x 1\nb: *x", "a: &x {k: 1}\nb: *x",
    "a: *x", "a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  k: 3", "a: &x {k: 1}\nb: &y {m: 2}\nc:\n  z: 0\n  <<: [*x, *y]", "<<: 3", "<<: [1]",
    "a: {<<: {b: 1}}", "a: b: c", "a: 'x'y", "a: 1\n  b: 2", "\ta: 1", "a: [1, 2", "a: {b", "a: @x", "a: `x", "a: %x", "a: - b",
    "a: [x: 1]", "a: {'b': c}", "a: [a:b, c]", "a: x # c", "a: 'x # c'", "a: \"\\q\"", "x: 1\n---\ny: 2", "%YAML 1.1\n---\na: yes",
    "a: {x: 1,}", "a: [,]", "'': 1", "a b: c d", "a: \u00e9\u4e2d\U0001f600", "a: x\n\n\nb: y", "a:   \n  - b", "- - 1\n  - 2\n- 3",
    "a: {b: , c: }", "a: [1, , 2]", "- a: 1\n  b: 2\n- c", "a: ${b}\nb: 1", "a: ${b.c[0]}", "a: ${", "a: ${b", "a: ${b c}", "a: ${f:a=b}",
    "yes: 1\nno: 2", "0x10: a", "a: \"\\\n  x\"", "a: 'x\n  y'", "a: \"x\n\n  y\"", "a: ?x", "a: -x", "a: x-", "a: !!float 1_0", "a: !!int 0o7",
]  # fmt: skip

MERGES = [
    ["a: 1", "a: 2"], ["a: 1", "b: 2"], ["a: 1", "a: ???"], ["a: ???", "a: 1"], ["a: {x: 1}", "a: ???"], ["a: ???", "a: {x: 1}"],
    ["a: {x: 1}", "a: null"], ["a: null", "a: {x: 1}"], ["a: 1", "a: null"], ["a: [1, 2]", "a: [3]"], ["a: [1]", "a: []"], ["a: []", "a: [1]"],
    ["a: [1]", "a: {x: 1}"], ["a: {x: 1}", "a: [1]"], ["a: {x: 1}", "a: 5"], ["a: 5", "a: {x: 1}"], ["a: [1]", "a: 5"], ["a: 5", "a: [1]"],
    ["a: [1]", "a: null"], ["a: [1]", "a: ???"], ["a: 1", "b: ???"], ["- 1", "- 2\n- 3"], ["a: 1", "- 1"], ["- 1", "a: 1"], ["a: 1", "1: 2"],
    ["1: x", "'1': y"], ["z: 1\na: 2", "b: 4\na: 3"], ["a: [{x: 1}]", "a: [{y: 2}]"], ["a: {b: {c: 1, d: 2}}", "a: {b: {d: 3, e: 4}}"],
    ["a: 1", "a: 2", "a: 3"], ["a: {x: 1}", "a: null", "a: {y: 1}"], ["", "a: 1"], ["a: 1", ""], ["a: 1", "a: 1.0"], ["a: '1'", "a: 1"],
    ["b: {x: 1, y: 2}\na: ${b}", "a: {x: 5}"], ["b: {x: 1}\na: ${b}", "a: 5"], ["b: {x: 1}\na: ${b}", "a: ???"], ["b: [1, 2]\na: ${b}", "a: [3]"],
    ["b: [1]\na: ${b}", "a: {x: 1}"], ["b: 5\na: ${b}", "a: {x: 1}"], ["b: 5\na: ${b}", "a: 6"], ["a: ${nope}", "a: {x: 1}"],
    ["a: {x: 1}", "a: ${b}\nb: {y: 1}"], ["a: [1, 2]", "a: ${b}"], ["a: 1", "a: ${b}"], ["c: {x: 9}\nb: ${c}\na: ${b}", "a: {y: 5}"],
    ["d: {c: {x: 9}}\na: ${d.c}", "a: {y: 5}"], ["d: {c: {x: 9}, a: '${.c}'}", "d: {a: {y: 5}}"], ["b: {x: '${z}'}\nz: 1\na: ${b}", "a: {y: 5}"],
    ["a: ${b}\nb: {x: 1}", "b: {x: 2}\na: {y: 1}"], ["a: ${b}\nb: {x: 1}", "a: {y: 1}\nb: {x: 2}"], ["a: x${b}\nb: {c: 1}", "a: {y: 1}"],
    ["a: ${oc.create:{x:1}}", "a: {y: 2}"], ["a: '\\${b}'\nb: {x: 1}", "a: {y: 1}"], ["a: ${a}", "a: {y: 1}"],
]  # fmt: skip

# `x` is put beside these
BASE = {"a": {"b": [10, 20], "k": "v"}, "s": "k", "p": "a.k", "i": 1, "n": None, "f": 1.0, "t": True, "m": "???", "e": "", "i2": "${i}", "big": 1e-05}
INTERPOLATIONS = [
    "${i}", "${f}", "${t}", "${n}", "${e}", "${m}", "${a}", "${a.b}", "${a.k}", "${a[k]}", "${a.b[0]}", "${a.b.0}", "${a.b[-1]}", "${a.b[2]}",
    "${a.b.x}", "${[a][k]}", "${[a].b[1]}", "${a.${s}}", "${a[${s}]}", "${${p}}", "${a.b.${i}}", "${a.b[${i}]}", "${${i}}", "${.i}", "${.a.k}",
    "${..i}", "${...i}", "${}", "${.}", "${a.}", "${a..k}", "${i.x}", "${n.x}", "${m.x}", "${nope}", "${nope.x}", "${a.nope}", "${a b}", "${ i }",
    "${\ti\t}", "${i}${i}", "x${i}y", "x${f}y", "${t}-${n}", "x${a}", "x${a.b}y", "x${m}", "x${nope}", "x${big}", "x${i2}", "${i2}",
    "\\${i}", "\\\\${i}", "\\\\\\${i}", "\\\\\\\\${i}", "${i}\\", "${i}\\\\", "\\x${i}", "$${i}", "$$${i}", "$ ${i}", "{${i}}", "${i}}", "\\${", "\\${i}${i}",
    "a\nb${i}", "${i} ", " ${i}", "${é}", "${a$}", "${$}", "${a-b}", "${a/b}", "${a@b}", "${a,b}", "${1}", "${a['k']}", '${a["k"]}', "${i:}", "${1a:2}",
    "${echo:}", "${echo: }", "${echo:a,b}", "${echo: a , b }", "${echo:1,1.0,true,null,TRUE,Null}", "${echo:'q',\"d\"}", "${echo:[1,x],{a:1,b:[2]}}",
    "${echo:,}", "${echo:a,}", "${echo:,a}", "${echo:[,]}", "${echo:[a,]}", "${echo:[]}", "${echo:{}}", "${echo:a b}", "${echo:a:b}", "${echo:a : b}",
    "${echo:{a:b:c}}", "${echo:'it\\'s'}", "${echo:'a\\\\'}", "${echo:'\\\\\\''}", "${echo:'\\\\\\\\'}", "${echo:'a\\b'}", "${echo:\\,\\ a\\\\}", "${echo:a\\b}",
    "${echo:x${i}}", "${echo:${i}}", "${echo:${i}${i}}", "${echo:${i} }", "${echo:'${i}'}", "${echo:'${n}'}", "${echo:'\\${i}'}", "${echo:\\${i}}", "${echo:'\"'}",
    "${echo:1_000,1__0,007,-1,+1,1e3,inf,-inf,.5,5.}", "${echo:a-b,-a,a.b,a/b,a?b,a|b,a@b,$x,%,*}", "${echo:a=b}", "${echo:(a)}", "${echo:a!b}", "${echo:é}",
    "${echo:a#}", "${echo:{a}}", "${echo:{'a':1}}", "${echo:{a b:1}}", "${echo:{1:2,null:3}}", "${echo: [ 1 , 2 ] , { a : 1 } }", "${echo:'a'b}", "${echo:a'b'}",
    "${echo:a", "${echo:[1}", "${echo:[1,2}", "${echo:a\nb}", "${echo:'a\nb'}", "${echo:[[1],[2,[3]]]}", "${echo:x\\}y}", "${echo:\\:}", "${echo:\\t}", "${echo:'\\n'}",
    "${echo:${echo:1}}", "${echo:[${i},${a.b}]}", "${echo:{x:${i}}}", "${echo:${a}}", "${echo:${nope}}", "${echo:${m}}", "${${s}:1}", "${echo.x:1}", "${echo-x:1}",
    "${ns.echo:1}", "${ns.${e1}:1}", "${nope:1}", "${constructor:1}", "${__proto__:1}", "${toString:}", "${__proto__}", "${constructor}", "${a.constructor}",
    "${echo:+}", "${echo:1 2}", "${echo:true false}", "${echo:nullx,trueish,infinity}", "${echo:1.2.3}", "${echo:0x1F}", "${echo:1e}", "${echo:--1}",
    "${echo:\\\\}", "${echo:\\\\,1}", "${echo:\"a\\\"b\"}", "${echo:'a\"b'}", "${echo:''}", "${echo:'',a}", "${echo:a:}", "${echo::a}", "${echo:{a:}}",
    "${echo:a\\=b}", "${echo:$}", "${echo:$$}", "${echo:\\$}", "${echo:~}", "${echo:a}}", "${echo:[}", "${i}${", "${echo:'\\\\${i}'}", "${echo:'x\\\\y'}",
    "${echo:'$'}", "${echo:'${a.k}\\\\'}", "${echo:'a}b'}", "${echo:'a,b:c'}", "x${echo:1}", "x${echo:1.0}y", "x${echo:null,a}", "x${echo:{a:'b'}}", "x${echo:'a\\'b'}",
    "${oc.env:SCONCE_GOLDEN_A}", "${oc.env:SCONCE_GOLDEN_UNSET}", "${oc.env:SCONCE_GOLDEN_UNSET,x}", "${oc.env:SCONCE_GOLDEN_UNSET,1}", "${oc.env:SCONCE_GOLDEN_UNSET,1.0}",
    "${oc.env:SCONCE_GOLDEN_UNSET,true}", "${oc.env:SCONCE_GOLDEN_UNSET,null}", "${oc.env:SCONCE_GOLDEN_UNSET,[1,a]}", "${oc.env:SCONCE_GOLDEN_UNSET,''}", "${oc.env:1}", "${oc.env:}",
    "${oc.env:SCONCE_GOLDEN_UNSET,${i}}", "${oc.env:SCONCE_GOLDEN_UNSET,${nope}}", "${oc.decode:${oc.env:SCONCE_GOLDEN_A}}", "${oc.decode:'[1,{a:b}]'}", "${oc.decode:' 1 '}",
    "${oc.decode:null}", "${oc.decode:'null'}", "${oc.decode:1}", "${oc.decode:''}", "${oc.decode:'a b'}", "${oc.decode:'a=b'}", "${oc.decode:\"'x'\"}", "${oc.decode:'1,2'}",
    "${oc.decode:'\\${i}'}", "${oc.decode:'x\\${i}'}", "${oc.decode:'1e3'}", "${oc.decode:1,2}", "${oc.select:a.k}", "${oc.select:nope}", "${oc.select:nope,5}", "${oc.select:m,5}",
    "${oc.select:i,5}", "${oc.select:a.nope.x,5}", "${oc.select:i.x,5}", "${oc.select:.i}", "${oc.select:n,5}", "${oc.select:'a.b[1]'}", "${oc.select:a}", "${oc.select:nope,${i}}",
    "${oc.select:nope,${nope}}", "${oc.select:1}", "${oc.deprecated:i}", "${oc.deprecated:nope}", "${oc.deprecated:a.k,'use $NEW_KEY, not $OLD_KEY'}", "${oc.deprecated:1}",
    "${oc.create:{a:1,b:[x]}}", "${oc.create:[1,2]}", "${oc.create:'a: 1'}", "${oc.create:x}", "${oc.create:''}", "${oc.create:{a:'\\${i}'}}", "${oc.create:{a:'\\${.b}',b:2}}",
    "${oc.create:{a:'\\${..i}'}}", "${oc.dict.keys:a}", "${oc.dict.values:a}", "${oc.dict.keys:.a}", "${oc.dict.values:.a}", "${oc.dict.keys:nope}", "${oc.dict.keys:i}", "${oc.dict.keys:a.b}",
    "${oc.dict.values:nope}", "${oc.dict.keys:m}", "${oc.dict.keys:1}", "x${oc.dict.keys:a}", "${x}", "${x}y", "${oc.select:x}",
]  # fmt: skip

# whole configs
WHOLE = [
    "a: ${b}\nb: ${a}", "a: ${b}\nb: ${c}\nc: ${a}", "a: {b: '${a}'}", "a: {b: '${a.c}', c: '${a.b}'}", "a: {b: '${.c}', c: 1}", "a: {b: {c: '${..d}'}, d: 1}",
    "a: {b: {c: '${...d}'}}\nd: 1", "a: ['${.[1]}', 5]", "a: ['${b}', '${.0}']\nb: 3", "a: ${b}\nb: {x: '${.y}', y: 1}", "a: ${b.x}\nb: ${c}\nc: {x: 1}",
    "a: {x: '${.y}', y: 1}\nb: ${a}\nc: ${b.x}", "a: ${b}\nb: ${c}\nc: ???", "a: ${b}\nb: x${c}\nc: ???", "a: ???", "a: ${b[0].c}\nb: [{c: 7}]",
    "a: ${b}\nb: [1, '${c}']\nc: 2", "a: {b: 1}\nc: {d: '${a}', e: '${.d.b}'}", "a: ${oc.dict.values:b}\nb: {x: 1, y: '${c}'}\nc: 3",
    "a: {b: '${oc.dict.values:.c}', c: {x: 1}}", "a: {b: '${oc.dict.keys:..c}'}\nc: {x: 1, y: 2}", "a: ${oc.create:'b: ${c}'}\nc: 4", "- 1\n- ${0}", "- a: ${..[1]}\n- 2",
    "a: {b: ${c}}\nc: {d: ${e}}\ne: {f: 1}", "a: ${b}\nb: ${oc.env:SCONCE_GOLDEN_A}", "x: {y: {z: '${oc.select:..w}'}, w: 3}", "a: ${b.${c}}\nb: {k: 1}\nc: k",
    "a: \\${b}\nb: ${a}", "a: ${b}\nb: \\${a}\nc: x${b}", "a: {b: 1, c: '${.b}${.b}'}\nd: '${a.c}'", "lr: 1.0e-3\nname: lr=${lr}", "n: 1_000\nname: n-${n}", "a: yes\nb: is-${a}",
    "a: {1: x}\nb: ${a.1}", "a: {'1': x}\nb: ${a.1}", "a: {x y: 1}\nb: ${a.x y}", "a: {b.c: 1}\nb: ${a.b.c}", "a: {'': 1}\nb: ${a.}", "a: {b: '${..c.d}'}\nc: {d: '${..e}'}\ne: 9",
]  # fmt: skip

SELECT_BASE = "a: {b: [1, {c: 2}], k: v, n: null, m: '???'}\ni: ${a.k}\nj: ${nope}\nx y: 3\nd.e: 4\n1: one\nr: {s: '${..i}', t: '${.s}'}\nw: ${a}"
SELECTS = ["a", "a.k", "a.b", "a.b[0]", "a.b.0", "a.b[1].c", "a.b.1.c", "a.b[5]", "a.b[x]", "a.b[-1]", "a[b][1][c]", "[a].k", "a.n", "a.n.x", "a.m", "a.m.x", "a.k.x", "nope",
           "nope.x", "i", "j", "j.x", "x y", "d.e", "[d.e]", "1", ".a", "a.", "a..k", "r.s", "r.t", "w.k", "w.b[1].c", "i.x", "a.b[ 1 ].c", "a.b[1", "a]"]  # fmt: skip

UPDATES = [
    ("a: 1", "a", 2, {}), ("a: 1", "b", 2, {}), ("a: 1", "a.b", 2, {}), ("a: 1", "a.b.c", 2, {}), ("a: {b: 1}", "a", {"c": 2}, {}), ("a: {b: 1}", "a", {"c": 2}, {"merge": False}),
    ("a: [1, 2]", "a[0]", 5, {}), ("a: [1, 2]", "a.1", 5, {}), ("a: [1, 2]", "a", [3], {}), ("a: [1, 2]", "a", [3], {"merge": False}), ("a: [1]", "a[3]", 5, {}), ("a: [1]", "a[x]", 5, {}),
    ("a: [{b: 1}]", "a[0].b", 2, {}), ("a: [{b: 1}]", "a[0]", {"c": 2}, {}), ("a: null", "a.b", 1, {}), ("a: ???", "a", 1, {}), ("a: ???", "a.b", 1, {}), ("a: {b: 1}", "a", None, {}),
    ("a: {b: 1}", "a", 5, {}), ("a: 1", "a", {"x": 1}, {}), ("", "a[b].c", 1, {}), ("a: ${b}\nb: {c: 1}", "a.c", 2, {}), ("a: ${b}\nb: {c: 1}", "a", {"d": 2}, {}), ("a: {b: 1}", "a", [1], {}),
    ("a: {b: 1}", "a.b", "${c}", {}), ("a: {b: 1}", "a", "???", {}), ("a: {b: 1}", "a", {}, {}), ("a: {b: 1}", "a", {}, {"merge": False}), ("- 1\n- 2", "[0]", 3, {}), ("- 1", "0", 3, {}),
]  # fmt: skip

STRINGS = [
    "", " ", "a", "a b", " a", "a ", "1", "1.0", "1e3", "1_000", "0x1F", "010", "true", "Yes", "on", "y", "N", "null", "~", "None", "nan", ".nan", "inf", "-inf", ".inf", "infinity",
    "2020-01-01", "2020-01-01 10:00:00", "12:30", "1:30:45", "a: b", "a:b", "a:", ":a", "a #b", "a#b", "#a", "- a", "-a", "-", "--", "---", "...", "--- a", "? a", "?a", "?", "[a]", "a[b]", "{a}", "a{b}",
    "a, b", ",a", "a,", "!a", "&a", "*a", "%a", "@a", "`a", "|", ">", "|a", "'a'", "\"a\"", "it's", "'", '"', "a'b\"c", "a\\b", "\\", "a\nb", "a\n", "\n", "\na", "a\n\nb", "a \nb", "a\n b", " a\nb", "a\tb", "\ta",
    "a\rb", "\x00", "\x07", "\x1b", "\x7f", "\x85", "\xa0", "\u2028", "\ufeff", "\u00e9", "\u4e2d\u6587", "\U0001f600", "\ud7ff", "\ue000", "\uffff", "=", "<<", "${a}", "a${b}c", "${a:b, c}", "???", "x" * 90, "word " * 30, "word " * 30 + "\nx",
    "a" * 70 + " " + "b" * 70, "it's " * 25, "a: " * 40, "\u00e9 " * 60, "x\n" * 40, "tab\there " * 15, "a  b", "a  " * 40, "a\n  b\n c", "http://x.y:80/z?a=b&c=d#e", "C:\\x\\y", "/a/b", "~/a", "a/b:c", "5e-05", "-1", "+1", "1a",
    "0", "00", "0o7", "1__0", "1_", "_1", "1,000", " 1", "1 ", "٣", "1e", "e1", ".", "..", ".5", "5.", "-.5", "1.5.2", "0b1", "yes ", "TRUE", "tRUE", "off", "NO", "Null", "nULL", "a?", "a!", "a&b", "a*b", "a@b", "a%b", "a|b", "a>b", "a=b", "=a", "<a",
]  # fmt: skip
NUMBERS = [0, 1, -1, 10**20, 0.0, -0.0, 1.0, 0.1, 1e-05, 1.5e-07, 123456789.123, 1e15, 1e16, 1e17, 1.5e300, 5e-324, 100000.0, 0.0001, 0.00012345, float("inf"), float("-inf"), float("nan"), True, False, None, 1e22, 123456789012345680.0]
DUMPS = [
    {}, [], {"a": {}}, {"a": []}, {"a": {"b": {"c": 1}}}, {"a": [1, [2, [3]], {"b": [4]}]}, [[1, 2], [3]], [{"a": 1, "b": 2}, {"c": {"d": 1}}], [[]], [{}], [[[]]], {"b": 1, "a": 2}, {1: "a", True: "b", 2.5: "c"},
    {"": 1}, {"a b": 1}, {"1": 1}, {"yes": 1}, {"null": 1}, {"a: b": 1}, {"#a": 1}, {"- a": 1}, {"x" * 130: 1}, {"x" * 127: 1}, {"a\nb": 1}, {"?": 1}, {"???": "???"}, {"\u00e9": "\u00e9"}, {"a": [None, True, 1.5]}, ["a", "b: c"],
    {"a": "x\ny", "b": ["p\nq"]}, {"long": {"deep": ["word " * 25]}}, {"k" * 60: "word " * 20}, {"${a}": 1}, {"[a]": 1}, {"a\tb": 2}, {"a": {"b": ["it's " * 25]}}, {"word " * 30: 1}, {"'": 1}, {"~": 1}, {".": 1}, {"=": 1, "<<": 2},
]  # fmt: skip
SORTED = [{"b": 1, "a": {"d": 1, "c": 2}}, {"B": 1, "a": 2, "_": 3}, {"é": 1, "z": 2, "a.b": 3, "a": 4, "a b": 5}, {2: 1, 10: 2, 1: 3}, [{"b": 1, "a": 2}]]
MISSINGS = ["a: ???", "a: {b: '???', c: 1}\nd: ???", "a: [1, '???', {b: '???'}]", "a: ${b}\nb: ???", "a: 1", "a: ${c}\nc:\n  d: ???", "- ???\n- a: ???", "a: ???x", "a:\n  b.c: ???", "a: [['???']]"]


class Color(Enum):
    RED = 1
    GREEN = 2


@dataclass
class Optimizer:
    name: str = "adam"
    lr: float = 0.1
    betas: List[float] = field(default_factory=lambda: [0.9, 0.999])
    momentum: Optional[float] = None
    steps: int = MISSING


@dataclass
class Job:
    title: str = MISSING
    seed: int = 7
    debug: bool = False
    color: Color = Color.RED
    hue: Optional[Color] = None
    home: Path = Path("/a")
    either: Union[int, str] = 1
    maybe: Optional[Union[bool, float]] = None
    anything: Any = None
    optimizer: Optimizer = field(default_factory=Optimizer)
    spare: Optional[Optimizer] = None
    later: Optimizer = MISSING
    tags: List[str] = field(default_factory=list)
    limits: Dict[str, int] = field(default_factory=lambda: {"a": 1})
    ports: Dict[int, str] = field(default_factory=dict)
    stages: Dict[str, Optimizer] = field(default_factory=dict)
    rounds: List[Optimizer] = field(default_factory=list)
    grid: List[List[int]] = field(default_factory=list)
    nothing: Optional[List[int]] = None
    link: int = 1
    words: Optional[str] = None


WORDS = ["1", "'1'", "'1_0'", "' 2 '", "1.0", "1.5", "'1.5'", "1e3", "true", "'true'", "'yes'", "'off'", "'Y'", "0", "2", "'0'", "'2'", "abc", "''", "null", "'???'", "[1]", "{a: 1}", "inf", "'inf'", "nan", "${seed}", "'x${seed}'", "${title}", "99999999999999999999", "-1", "RED", "GREEN", "Color.GREEN", "RED.GREEN", "red", "/x/y", "a//b/./c/", "//a", "///a"]  # fmt: skip
STRUCTURED = [
    *([f"{key}: {word}"] for key in ["seed", "debug", "words", "title", "color", "hue", "home", "either", "maybe", "anything", "nothing", "tags", "optimizer", "spare"] for word in WORDS),
    *([f"optimizer: {{lr: {word}}}"] for word in WORDS),
    ["optimizer: {rl: 1}"], ["sed: 1"], ["optimizer: {lr: 1}", "optimizer: {lr: 2, name: sgd}"], ["optimizer: {betas: [1, '2']}"], ["optimizer: {betas: [a]}"], ["optimizer: {betas: 1}"],
    ["optimizer: {betas: []}"], ["optimizer: {betas: null}"], ["optimizer: ???"], ["spare: {lr: 3}"], ["spare: {}"], ["spare: {nope: 1}"], ["spare: {lr: 3}", "spare: null"], ["later: {lr: 3}"], ["later: null"],
    ["tags: [a, 1, 1.5, true]"], ["tags: [[a]]"], ["tags: [null]"], ["tags: {a: b}"], ["limits: {b: 2}"], ["limits: {b: '2'}"], ["limits: {b: x}"], ["limits: {a: 5}"], ["limits: {1: 5}"], ["limits: []"],
    ["limits: null"], ["ports: {1: a}"], ["ports: {x: a}"], ["ports: {1: 5}"], ["stages: {s: {lr: 5}}"], ["stages: {s: {lr: 5}}", "stages: {s: {name: q}, t: {}}"], ["stages: {s: {x: 5}}"], ["stages: {s: 5}"],
    ["stages: {s: null}"], ["rounds: [{lr: 5}, {}]"], ["rounds: [{x: 1}]"], ["rounds: [5]"], ["grid: [[1, '2'], []]"], ["grid: [[a]]"], ["grid: [1]"], ["nothing: [1, '2']"], ["nothing: [a]"], ["nothing: [1]", "nothing: null"],
    ["seed: ${link}"], ["link: 5", "seed: ${link}"], ["seed: ${words}"], ["words: '12'\nseed: ${words}"], ["words: abc\nseed: ${words}"], ["title: '${seed}'"], ["debug: '${words}'\nwords: 'on'"], ["optimizer: {lr: '${seed}'}"],
    ["seed: ${optimizer}"], ["seed: ${oc.decode:'5'}"], ["seed: ${oc.env:SCONCE_GOLDEN_A}"], ["tags: ${words}"], ["spare: ${optimizer}"], ["color: ${words}\nwords: GREEN"], ["color: ${words}\nwords: BLUE"], ["seed: 1", "seed: ???"], ["anything: {a: 1}", "anything: [1]"],
    ["anything: {a: 1}", "anything: {b: 2}"], ["title: x\nlater: {steps: 1}"],
]  # fmt: skip
TYPED_UPDATES = [
    ("seed", "5"), ("seed", "x"), ("seed", None), ("nope", 1), ("optimizer.lr", "1e-3"), ("optimizer.nope", 1), ("optimizer.nope.x", 1), ("optimizer", {"lr": 5}), ("optimizer.betas", [1]), ("optimizer.betas[0]", "2"), ("optimizer.betas[0]", "x"),
    ("optimizer.betas[5]", 1), ("tags", ["x"]), ("limits.b", "3"), ("limits.b", "x"), ("stages.s", {"lr": 1}), ("stages.s.lr", 1), ("spare.lr", 2), ("spare", {"lr": 2}), ("anything.x.y", 1), ("color", "GREEN"), ("color", 2), ("color", "BLUE"), ("hue", None), ("title", "???"), ("seed", "${link}"),
]  # fmt: skip
# lock, keys of the parts to lock, change as a merge or as an update
LOCKED = [
    (flag, value, at, change)
    for flag in ["struct", "readonly"] for value in [True, False] for at in ["", "a", "a.b"]
    for change in ["a: 1", "x: 1", "a: {x: 1}", "a: {b: {c: 2}}", "a: {b: {x: 2}}", "a: {l: [3]}", "a: {b: 5}", ("a.b.c", 5), ("a.b.x", 5), ("a.x.y", 5), ("x", 1), ("a.l[0]", 4), ("a.l", [9]), ("a", {"x": 1})]
]  # fmt: skip
LOCKED_BASE = "a: {b: {c: 1}, l: [1, 2]}\nd: 3"


def describe(hint):
    """Writes a type of Python as our description of types."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return {"kind": "any"}
    if origin is Union and type(None) in args:
        rest = tuple(arg for arg in args if arg is not type(None))
        return {**describe(rest[0] if len(rest) == 1 else Union[rest]), "optional": True}
    if origin is Union:
        return {"kind": "union", "of": [describe(arg) for arg in args]}
    if origin is list:
        return {"kind": "list", "item": describe(args[0])}
    if origin is dict:
        return {"kind": "dict", "key": args[0].__name__, "value": describe(args[1])}
    if is_dataclass(hint):
        hints, defaults = get_type_hints(hint), OmegaConf.to_container(OmegaConf.structured(hint), enum_to_str=True)
        return {"kind": "object", "name": hint.__name__, "fields": {name: {"type": describe(kind), "default": encode(defaults[name])} for name, kind in hints.items()}}  # fmt: skip
    if issubclass(hint, Enum):
        return {"kind": "enum", "name": hint.__name__, "members": {name: member.value for name, member in hint.__members__.items()}}
    return {"kind": "path" if hint is Path else hint.__name__}


def typed(texts, resolve):
    config = OmegaConf.merge(OmegaConf.structured(Job), *(OmegaConf.create(text) for text in texts))
    return changed(config, resolve)


def changed(config, resolve=False):
    """Keeps the keys whose value is not the default."""
    defaults = OmegaConf.to_container(OmegaConf.structured(Job), enum_to_str=True)
    values = OmegaConf.to_container(config, resolve=resolve, enum_to_str=True)
    return {key: value for key, value in values.items() if encode(value) != encode(defaults[key])}


def typed_update(key, value):
    config = OmegaConf.structured(Job)
    OmegaConf.update(config, key, value)
    return changed(config)


def locked(flag, value, at, change):
    config = OmegaConf.create(LOCKED_BASE)
    part = OmegaConf.select(config, at) if at else config
    (OmegaConf.set_struct if flag == "struct" else OmegaConf.set_readonly)(part, value)
    if at and value is False:
        (OmegaConf.set_struct if flag == "struct" else OmegaConf.set_readonly)(config, True)
    if isinstance(change, str):
        return OmegaConf.to_container(OmegaConf.merge(config, OmegaConf.create(change)))
    OmegaConf.update(config, *change)
    return OmegaConf.to_container(config)


def random_texts(count):
    """Texts that mix indicators, spaces, breaks and words, to meet every rule of quoting and folding."""
    parts = [*"ab  1.0-:#'\"\\,[]{}?!&*|>%@`~=+_e\n\t", "yes", "null", "\u00e9", "\U0001f600", "\x85", "\xa0", "${a}", "  ", "\n\n", "word ", "it's "]
    generator = random.Random(6)
    return ["".join(generator.choices(parts, k=generator.choice([2, 3, 6, 12, 40, 90, 150]))) for _ in range(count)]


def echo(*args):
    return args[0] if len(args) == 1 else list(args)


def encode(value):
    """Marks what JSON cannot tell apart: floats, big integers and mappings with their order and keys."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else {"int": str(value)}
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (list, tuple)) or OmegaConf.is_list(value):
        return [encode(item) for item in (value if not OmegaConf.is_list(value) else OmegaConf.to_container(value, resolve=True))]
    if OmegaConf.is_dict(value):
        value = OmegaConf.to_container(value, resolve=True)
    return {"map": [[encode(key), encode(item)] for key, item in value.items()]}


KINDS = [
    (errors.InterpolationToMissingValueError, "missing"),
    (errors.MissingMandatoryValue, "missing"),
    (errors.InterpolationKeyError, "unknown_key"),
    (errors.UnsupportedInterpolationType, "unknown_key"),
    (errors.GrammarParseError, "syntax"),
    (errors.KeyValidationError, "syntax"),
    (errors.ReadonlyConfigError, "readonly"),
    (errors.InterpolationValidationError, "type"),
    (errors.ValidationError, "type"),
    (errors.ConfigAttributeError, "unknown_key"),
    (errors.ConfigKeyError, "unknown_key"),
    (errors.ConfigTypeError, "type"),
    (errors.InterpolationResolutionError, "resolution"),
    (errors.ConfigValueError, "value"),
    (yaml.YAMLError, "syntax"),
    (RecursionError, "resolution"),
    (ValueError, "value"),
    (IndexError, "value"),
    (TypeError, "type"),
    (AssertionError, "value"),
]


def outcome(run):
    try:
        return {"value": encode(run())}
    except Exception as error:
        return {"error": kind_of(error)}


def kind_of(error):
    return next((kind for cls, kind in KINDS if isinstance(error, cls)), repr(error))


def text_outcome(run):
    try:
        return {"text": run()}
    except Exception as error:
        return {"error": kind_of(error)}


def container(text):
    return OmegaConf.to_container(OmegaConf.create(text))


def merged(texts):
    return OmegaConf.to_container(OmegaConf.merge(*(OmegaConf.create(text) for text in texts)))


def whole(text):
    return OmegaConf.to_container(OmegaConf.create(text), resolve=True)


def resolved(text):
    config = OmegaConf.create(text)
    OmegaConf.resolve(config)
    return OmegaConf.to_container(config)


def updated(text, key, value, options):
    config = OmegaConf.create(text)
    OmegaConf.update(config, key, value, **options)
    return OmegaConf.to_container(config)


def main():
    OmegaConf.register_new_resolver("echo", echo)
    OmegaConf.register_new_resolver("ns.echo", echo)
    data = {
        "version": version.__version__,
        "plain": [[text, outcome(lambda: container(f"a: {text}"))] for text in PLAIN],
        "texts": [[text, outcome(lambda: container(text))] for text in TEXTS],
        "merges": [[texts, outcome(lambda: merged(texts))] for texts in MERGES],
        "base": OmegaConf.to_yaml(OmegaConf.create(BASE)),
        "interpolations": [[text, outcome(lambda: OmegaConf.create({**BASE, "x": text}).x)] for text in INTERPOLATIONS],
        "whole": [[text, outcome(lambda: whole(text)), outcome(lambda: resolved(text))] for text in WHOLE],
        "selectBase": SELECT_BASE,
        "selects": [[key, outcome(lambda: OmegaConf.select(OmegaConf.create(SELECT_BASE), key)),
                     outcome(lambda: OmegaConf.select(OmegaConf.create(SELECT_BASE), key, default="D")),
                     outcome(lambda: OmegaConf.select(OmegaConf.create(SELECT_BASE), key, throw_on_missing=True, throw_on_resolution_failure=False))] for key in SELECTS],
        "updates": [[text, key, encode(value), options, outcome(lambda: updated(text, key, value, options))] for text, key, value, options in UPDATES],
        "dumps": [[encode(value), text_outcome(lambda: OmegaConf.to_yaml(OmegaConf.create(value)))] for value in [*DUMPS, *({"a": item} for item in STRINGS + NUMBERS), *([item] for item in STRINGS), *({item: 1} for item in STRINGS), *({"a": item, "b": [item, [item]], item: [{"c": item}]} for item in random_texts(150))]],
        "sorted": [[encode(value), text_outcome(lambda: OmegaConf.to_yaml(OmegaConf.create(value), sort_keys=True))] for value in SORTED],
        "type": describe(Job),
        "structured": [[texts, outcome(lambda: typed(texts, False)), outcome(lambda: typed(texts, True))] for texts in STRUCTURED],
        "typedUpdates": [[key, encode(value), outcome(lambda: typed_update(key, value))] for key, value in TYPED_UPDATES],
        "lockedBase": LOCKED_BASE,
        "locked": [[*case[:3], case[3] if isinstance(case[3], str) else [case[3][0], encode(case[3][1])], outcome(lambda: locked(*case))] for case in LOCKED],
        "missing": [[text, outcome(lambda: sorted(OmegaConf.missing_keys(OmegaConf.create(text))))] for text in MISSINGS],
    }  # fmt: skip
    path = Path(__file__).parents[2] / "tests/goldens/config/omegaconf.json"
    sections = [f"{json.dumps(name)}: {rows(section)}" for name, section in data.items()]
    path.write_text("{\n" + ",\n".join(sections) + "\n}\n", encoding="utf8")


def rows(section):
    """Writes a list one entry a line, so that a change shows as the lines that it touches."""
    if not isinstance(section, list):
        return json.dumps(section)
    return "[\n" + ",\n".join(json.dumps(row) for row in section) + "\n]"


main()
