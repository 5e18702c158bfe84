"""Writes tests/goldens/config/hydra-overrides.json: how Hydra reads override lines, the jobs of its basic sweeper, and what they make of a config.

Run with hydra-core 1.3.8: python tools/golden/hydra_overrides.py
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hydra import __version__, compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, IntervalSweep, QuotedString, RangeSweep
from omegaconf import OmegaConf

# split at spaces and lines
VALUES = r"""
1 0 -0 +5 007 1_000 1__0 1_ _1 0x1F 1a a1 -1 --x .5 1. 1.0 0.10 00.5 1e3 1E-3 5e-05 1.5e+2 1.e5 .5e2 1_0.5 1_0.5_0e1_0
-.5 +.5 e5 1e 1e+ 1.5e 1.2.3 1-2 1+2 inf -inf +inf infx inf-1 nan NaN -nan INF Infinity 1e400 -1e400 1e-400
9007199254740991 9007199254740993 -123456789012345678901234567890 12345678901234567890.0 0.1 123456789.123456789
true True TRUE false trues true-x null NULL nullx none None hello hello\ world a\,b a\=b a\:b a\{b a\}b a\[b a\(b\)
a\\b C:\x a\qb \\ \\\\ \\\\\\ \\\, \, \\\\\, \:\= x/y.z a@b a?b a|b a*b a+b a%b a$b $ $a *.txt ./x ../x /a/b a/ .
sqlite:///x/y.db http://h:1/a 2020-01-01 12:30:00 12:30 : a: :a a::b a-b_c - + | % @ a.b.c torch.optim.AdamW
'' "" 'a' "a" 'a b' '1' "null" 'a,b' 'x\'y' "x\"y" 'x"y' "x'y" 'a\\b' 'a\\' 'a\qb' 'a\\\'b' "a\\\\" 'a=b' '${b}' 'a'b 'a
"a ' "a\" '\' '\\' '\'' "\"" "\\\"" '[1]' '{a:1}' 'é' '#' 'a'b' ''' a'b a"b 'a'.b
[] [1] [1,2] [a,b,c] ['a b',"c"] [[1,2],[3]] [1,[2,{a:3}]] [null,true,1.0] [1,] [,1] [1,2 1] [a:b] [a=b] [a/b] [,] []] [[]
[[]] [[],[]] [{}] [a,'b',"c"] [-1,+1,1e3,.5] [${a},${b}] [a,${b.c},d] ['[',']'] [a\,b] [a\]b] [true,'true'] [int(1.9)]
{} {a:1} {a:1,b:2} {a:{b:{c:1}}} {a:[1,2]} {a:b:c} {a:null} {1:2} {a} {a:} {a:1 {:1} {a:1,} {a-b:1} {a.b:1} {true:1}
{null:1} {1.5:a} {007:a} {a/b:c} {$x:1} {a@b:1} {a\:b:1} {a\ b:1} {a:${b}} {a:'x',b:"y"} {_target_:a.B} {a:{},b:[]} {${a}:1}
{a:1}} {{a:1}} {a:b}c {a:str(1)} {*:1} {-1:2} {1_0:2}
a=b a(b) a) (a {a [a a] a} () (1) a[0] a{1} =a a==b ${b} ${oc.env:HOME} ${oc.env:HOME,me} x${b}y ${a}${b} ${a}/x ${b ${} ${}} ${a:b=c}
${.a} ${..a} ${a[0]} ${a,b} 1${a} $${a} \${a} ${a}}
""".split()

# values in which spaces matter
SPACED = [
    "hello world", " hello", "hello ", "  a  b  ", " 1 ", "1 2", "true false", "[ 1 , 2 ]", " [1, 2]", "{ a : 1 , b : 2 }",
    "{a b:1}", "[a b, c d]", " 'a'", "'a' b", "a 'b'", "\ta", "a\\ ", "\\ a", "a\\  ", "a \\ b", " ", "", "{a: 'x y', b: [1, 2.0, \"z\"]}",
    "a: ", "a : b", "[a: ]", "{a: b: }", "a\tb", "[\t1\t,\t2\t]", "a\nb", "'a\nb'", "${a b}", "${oc.env:A, b}", "[1 2]", "[ ]", "{ }", "[1, ]",
    "a , b", "1 , 2 ,3", "a b,c d", "[1,2] , [3]", "a,,b", ",a", "a,", "1.0 ", "null ", "true ", "- 1", "1e 5", "inf inf",
]  # fmt: skip

SWEEPS = [
    "a,b", "1,2", "a,b,c", "1,a,null,true,1.5", "'a',\"b\"", "'a,b',c", "[1,2],[3]", "{a:1},{b:2}", "${a},${b}", "a\\,b,c", "int(1),2", "[],{}",
    "'it\\'s',x", "a b, c", "x/y,z", "true,True", "inf,-inf,nan", "1e-5,1e5,1e16,123456.0", "-1,+1", "1_000,2", "null,NULL", "a:b,c",
    "choice(a)", "choice(a,b)", "choice(1,2,3)", "choice('a','b c')", "choice(null)", "choice()", "choice(a,null)", "choice([1,2],[3])",
    "choice({a:1},{b:2})", "choice(choice(a,b))", "choice(a, b , c)", "choice (a,b)", "choice( a,b )", "choice(a,)", "choice(,a)", "choice(a=1)",
    "choice(range(1,3))", "choice(['a','b'],\"c\")", "choice(true,false)", "choice(1.0,2)", "choice", "choice(", "choice(a", "choice(a))", "choice a",
    "choice(\"a,b\",'c')", "choice(${a},${b})", "choice(int(1.5),str(2))", "choice(shuffle(a,b))", "choice(sort(b,a))", "choice(a),b",
    "choise(a)", "f()", "f(x)", "Choice(a)", "1(a)", "a-b(c)", "_f(1)",
    "range(3)", "range(1,4)", "range(1,10,2)", "range(10,1,-3)", "range(4,1)", "range(0)", "range(start=1,stop=4)", "range(1,stop=3)", "range(1,3,step=2)",
    "range(stop=3)", "range(1,start=2)", "range(0,1,0.25)", "range(0.0,1.0,0.1)", "range(1.5,4)", "range(3.5)", "range(1,2,0.3)", "range(1.0,0.0,-0.25)",
    "range(0.1,0.7,0.1)", "range(1e-3,1e-2,3e-3)", "range(1,3,1.0)", "range(-2,2)", "range(-1.5,1.5,0.5)", "range(a)", "range('1')", "range()", "range(1,2,3,4)",
    "range(null)", "range(1,null)", "range(1,3,null)", "range([1])", "range(true,4)", "range(1,2,x=3)", "range(x=1)", "range(0.3,1.3,0.3)", "range(1_0,2_0,5)",
    "range(9007199254740991,9007199254740995)", "range(1e15,1e15)", "range(0,0.001,1e-4)", "range(100,0,-33.3)",
    "interval(0,1)", "interval(1.5,2)", "interval(start=1,end=2)", "interval(1)", "interval(a,b)", "interval(1,2,3)", "interval(-1e-3,inf)", "interval(end=2,start=1)",
    "interval(true,2)", "interval(1, end=3)",
    "glob(*)", "glob(a*)", "glob([a*,b*])", "glob(*,exclude=c*)", "glob(include=*,exclude=[a*,b])", "glob()", "glob(1)", "glob('a*')", "glob(a,b)", "glob(a,b,c)",
    "glob(?x)", "glob(*,null)", "glob(a/*)", "glob([])", "glob(include=a*)",
    "shuffle(a)", "shuffle([1])", "shuffle([])", "shuffle(choice(1,2,3))", "shuffle(a,b,c)", "shuffle(range(1,5))", "shuffle(sweep=choice(1,2))",
    "shuffle(sweep=range(3))", "shuffle(list=[7])", "shuffle(interval(1,2))", "shuffle(null)", "shuffle(glob(*))", "shuffle({a:1})", "shuffle(list=1)",
    "shuffle(sweep=1)", "shuffle(1,null)", "shuffle('a b')",
    "sort(3,1,2)", "sort(b,a)", "sort(1)", "sort(a)", "sort([3,1,2])", "sort([b,a],reverse=true)", "sort(choice(c,a,b))", "sort(3,1,2,reverse=true)",
    "sort(choice(1,3,2),reverse=true)", "sort(range(1,5))", "sort(range(1,5),reverse=true)", "sort(range(5,1,-1))", "sort(range(10,0,-5))",
    "sort(range(0,1,0.25),reverse=true)", "sort(1,a)", "sort([1,a])", "sort(1.5,1,true)", "sort([1],[2])", "sort()", "sort(null)", "sort(list=[2,1])",
    "sort(sweep=choice(2,1))", "sort(list=[2,1],reverse=true)", "sort(interval(1,2))", "sort(a,b,reverse=1)", "sort([[2],[1,2],[1]])", "sort(['a'])",
    "sort(choice(a,b),c)", "sort(b,a,c,reverse=false)", "sort('b a','a b')", "sort(choice(10,9,8.5))", "sort(range(0,5,2))", "sort(A,b,C)",
    "tag(a,choice(1,2))", "tag(choice(1,2))", "tag(a,b,range(3))", "tag(a,interval(0,1))", "tag(a)", "tag()", "tag(1,choice(1,2))", "tag(a,sweep=choice(1,2))",
    "tag(sweep=choice(1,2))", "tag(choice(1),choice(2))", "tag(a,a,choice(1,2))", "tag('x y',choice(1,2))", "tag(a,glob(*))", "tag(b,a,choice(1,2))",
    "tag(t,shuffle(1,2))", "sort(tag(t,choice(2,1)))", "shuffle(tag(t,range(4)))", "tag(a,tag(b,choice(1,2)))",
    "int(1.9)", "int(-1.9)", "int('12')", "int(' 12 ')", "int(\"1_0\")", "int(true)", "int(a)", "int('1.5')", "int([1.5,2.5])", "int({a:1.5,b:[2.5]})", "int(null)",
    "int()", "int(1,2)", "int(1.5,2.5)", "int(value=1.5)", "int(1,value=2)", "int(value=null)", "int(choice(1.5,2.5))", "int(range(1.5,4.5))",
    "int(interval(1.5,2.5))", "int(inf)", "int(nan)", "int(1e20)", "int(glob(*))", "int('007')", "int('0x1F')", "int(['1','2'])", "int(tag(t,interval(1,2)))",
    "float(1)", "float('1.5')", "float(a)", "float('inf')", "float('nan')", "float('-Infinity')", "float('1e5')", "float('1_0.5')", "float([1,2])",
    "float(choice(1,2))", "float(range(1,3))", "float(true)", "float(null)", "float({a:1})", "float(interval(1,2))", "float(1,2)", "float('.5')", "float('1.')",
    "float('.')", "float('')", "float(12345678901234567890)", "float(value='2')",
    "str(1)", "str(1.0)", "str(1e-5)", "str(1e16)", "str(true)", "str(a)", "str('a b')", "str([1,2.5,true])", "str({a:1})", "str(choice(1,b))", "str(range(1,3))",
    "str(interval(1,2))", "str(null)", "str(1,2)", "str(inf)", "str(${a})", "str(value=3)", "str([a,'b'])", "str('')",
    "bool(1)", "bool(0)", "bool(0.0)", "bool(true)", "bool('TRUE')", "bool('false')", "bool(a)", "bool('')", "bool([0,1])", "bool(choice(0,1))", "bool(null)",
    "bool(range(1,2))", "bool(interval(1,2))", "bool(nan)", "bool({a:0})", "bool(1,0)", "bool([null])",
    "int(str(1))", "str(int(1.5))", "float(int('3'))", "int(sort(3.5,1.5))", "[int(1.5),str(2)]", "{a:int(1.5)}", "str(str(str(1)))", "int(float('1e3'))",
    "int(1)2", "int(1) ", "int(1),int(2.5)", "int (1.5)", "int(1=2)", "int(value = 2.7)", "range(start = 1, stop = 3)", "int(value=1,value=2)",
    "choice(a=b)", "choice(a:b,c)", "choice(a b,c)", "choice( )", "range(1 , 3)", "sort(2,1, reverse = true)", "choice(x/y,z.w)", "choice(-1,+2)",
    "int(shuffle(1.5,2.5))", "int(tag(t,choice(1.5,2.5)))", "int(tag(t,range(3.5)))", "sort(range(0,5,2),reverse=true)", "sort(range(10,1))", "shuffle()",
    "glob([1])", "glob(['a*'])", "sort(['b','a'])", "[choice(a,b)]", "{a:range(3)}", "choice(a,choice(b))", "[1,2] ", "'a' ", "{'a':1}", "{a:1,a:2}",
    "~", "#", "!", "a;b", "a^b", "a&b", "${a:${b}}", "{x:${a:${b}}}", "${a{b}", "extend_list(1)", "json_str({a:1})", "shuffle(b,sweep=null)", "sort([2,1],list=null)", "tag(t,choice(1,2),sweep=null)", "sort(2,1,reverse=null)", "{1:a,true:b}", "range(1,2,0)",
    "range(0.0,1.0,0.0)", "range(nan)", "a\\'b", "[ 'a' , 'b' ]", "[[1], [2]],[3]",
]  # fmt: skip

LINES = [
    "a.b.c=1", "+a=1", "++a.b=1", "~a", "~a.b", "~a=1", "~a.b='x'", "a.0=1", "a.0.b=1", "callbacks.0.patience=3", "a_b=1", "~a=",
    "_a=1", "a-b=1", "a.b-c=1", "A=1", "a1=1", "1a=1", "a b=1", "=1", "a", "+a", "", "a.=1", ".a=1", "a..b=1", "+++a=1", "0.a=1", "a.00=1", "a.01=1", "1=2",
    "-a=1", "~~a", "a.b", "a =1", "a.$b=1", "$a=1", "$a.b=1", "a[0]=1", "++a", "~", "+~a=1", "~+a=1", "a.b.=1", "a.-b=1", "true=1", "null=1", "inf=1", "a.1_0=1",
    "db=mysql", "db/engine=innodb", "db/engine/x=y", "+db/engine=innodb", "++db/engine=x", "~db/engine", "~db/engine=x", "a/=1", "/a=1", "a//b=1", "a/b.c=1",
    "a.b/c=1", "a/0=1", "$a/b=1", "a/b-c=1", "a/_b=1",
    "db@backup=mysql", "db@a.b=mysql", "db/engine@x.y=z", "+db@backup=mysql", "~db@backup", "~db@backup=mysql", "db@=mysql", "@pkg=mysql", "@=x", "db@a@b=x",
    "db@src:dst=mysql", "db@:dst=mysql", "db@src:=mysql", "db:x=y", "db@a/b=x", "db@_global_=x", "db@_here_.x=y", "a.b@c.d=1", "+@p=1", "db@$x=y", "db@0.a=y", "db@1=y",
    "a=1=2", "a==", "a= =", "hydra.run.dir=/x", "hydra/launcher=basic", "+hydra.job.env_set={A: b}", "a=b@c:d", "db@x=a,b", "db/e@x=choice(a,b)", "~a=1,2", "~a=choice(1)",
    "+a=range(3)", "++a=glob(*)", "_target_=x", "a._target_=b.C", "é=1", "a.é=1", "a=é", "a#b=1", "a\t=1", "a=\t1",
]  # fmt: skip

# sweeps of several lines: [lines, largest batch]
JOBS = [
    [["a=1,2", "b=10,20"], None], [["a=1,2,3", "b=x"], 2], [["b=1", "a=1,2", "c=[1,2],{x: y}"], None], [["a=1"], None], [[], None], [["a=1,2", "a=3"], None],
    [["a=3", "a=1,2", "b=x"], None], [["a=range(1,4)", "b=choice(x,y)"], 4], [["+a=1,2", "++b=x,y", "~c", "~d=1"], None], [["db@p=x,y", "db/e=u,v"], None],
    [["a='x,y',z", "b=\"it's\",'q\\\\'"], None], [["a=1.0,1e-5,1e16,1e15,inf,nan"], None], [["a=true,null"], None], [["a=range(0,1,0.25)"], None],
    [["a=[1, 'b c', {d: e}],2"], None], [["a={x: 1, y: [a, b]}", "b=1,2"], None], [["a=a\\,b,c\\ d", "b=x/y:z,w"], None], [["a=${x},${y.z}"], None],
    [["a=interval(0,1)"], None], [["a=1,2", "b=tag(t,choice(x,y))"], None], [["a=sort(3,1,2)", "b=sort(range(5,1,-2))"], None], [["a=1,2,3,4,5"], 2],
    [["a=1,2,3,4,5", "b=x,y"], 3], [["a=int(1.5,2.5)"], None], [["a=choice('a b','c=d')"], None], [["a=['x y','z']", "b=1,2"], None], [["a=1,2"], 1],
    [["a=", "b=1,2"], None], [["a=hello world,x"], None], [["hydra.x=1", "a=1,2"], None], [["a=007,1_000", "b=1."], None], [["a=bool(1),x"], None],
]  # fmt: skip


# what overrides are applied to
CONFIG = """
a: 1
b: text
n: null
m: ???
f: 1.5
t: true
d: {x: 1, y: {z: 2, w: [1, 2]}}
l: [1, 2, {k: v}]
e: {}
el: []
i: ${a}
j: ${d}
s: {opt.lr: 1, "0": zero}
"""

APPLY = [
    "a=2", "a=text", "a=null", "a=[1]", "a={x: 1}", "a.x=1", "b=1", "n=1", "n={x: 1}", "n.x=1", "m=1", "m.x=1", "f=2", "t=false", "missing=1", "aa=1",
    "missing.x=1", "d=1", "d=null", "d={x: 2}", "d={x: 2, new: 1}", "d={y: {z: 3}}", "d={y: {new: 3}}", "d={}", "d=[1]", "d.x=2", "d.y.z=3", "d.y.new=3", "d.new=1",
    "d.y=1", "d.y={z: 5}", "d.y.w=[9]", "d.y.w.0=9", "d.y.w.5=9", "d.x.y=1", "d.y.w={a: 1}", "d=???", "d={x: ???}", "a=???",
    "l=[5]", "l=1", "l={a: 1}", "l=[]", "l.0=5", "l.2.k=w", "l.2.new=w", "l.2={k: w}", "l.2={q: w}", "l.3=x", "l.x=1", "l.0.x=1", "l.0={x: 1}", "l.7.x=1", "e.x=1", "e={x: 1}", "el.0=1", "el=[1]",
    "i=2", "i.x=1", "j.x=5", "i=${f}", "a=${f}", "s.0=one",
    "+a=2", "+new=1", "+new.x.y=1", "+a=[1]", "+a={x: 1}", "+a.x=1", "+n=1", "+m=1", "+d={x: 2}", "+d={new: 1}", "+d.new=1", "+d.new.deep=1", "+d.x=2", "+d.x={q: 1}", "+d=1", "+d=[1]",
    "+l=[3]", "+l=1", "+l.3=1", "+l.0=1", "+l.2.new=1", "+new=null", "+new={a: {b: c}}", "+new=[1,{a: b}]", "+e.x=1", "+d.y.w.2=1", "+l.0={x: 1}", "+new=???", "+d.y={z: 9, q: 1}", "+b.x=1", "+n.x=1",
    "++a=2", "++new=1", "++new.x.y=1", "++d={x: 2, q: 1}", "++d.y.q=1", "++d=1", "++l=[1]", "++l.0=1", "++l.3=1", "++n.x=1", "++a.x=1", "++d.x.q=1", "++d={}", "++l={a: 1}", "++d=[1]", "++m=1", "++l.2.q=1", "++l.9.x=1",
    "~a", "~a=1", "~a=2", "~a=1.0", "~a=true", "~b=text", "~b='text'", "~new", "~d", "~d.x", "~d.y.z", "~d.y.w", "~d.y.w=[1,2]", "~d.y.w=[1,3]", "~d.y={z: 2, w: [1,2]}", "~d.q", "~d.q.r", "~l", "~l.0",
    "~l.2.k", "~l.2.k=v", "~t=true", "~f=1.5", "~e", "~e={}", "~el=[]", "~d.x=", "~a.x", "~a=null", "~d.x.y",
    ["a=2", "+d.q=1", "~b"], ["+new={x: 1}", "new.x=2"], ["~a", "+a=5"], ["d.x=3", "d.x=4"], ["~d", "+d.x=1"], ["a=2", "missing=1"], ["++new.a=1", "++new.b=2", "~new.a"],
    ["+new=[1]", "new.0=2"], ["d={x: 5}", "d.y.z=6"], ["l=[[1]]", "l.0.0=2"], "d.x=int(2.7)", "+new=str(1)", "d.y.w=sort([3,1,2])", "+db@pkg=x", "db@pkg=x", "db/x=y", "+new='a b'", "+new=", "a='1'",
    "+new.0=1", "+l=[${a}]", "b=a b", "+new=1_000", "+new=1e-5", "+new=[]", "+new={}",
]  # fmt: skip


def encode(value):
    """Keeps what JSON cannot tell apart: floats, quotes, and keys that are no texts."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else {"int": str(value)}
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, QuotedString):
        return {"quoted": value.text, "quote": value.quote.name}
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(item)] for key, item in value.items()]}
    if isinstance(value, list):
        return [encode(item) for item in value]
    if isinstance(value, ChoiceSweep):
        return {"choice": encode(value.list), "simple": value.simple_form, "shuffle": value.shuffle, "tags": sorted(value.tags)}
    if isinstance(value, RangeSweep):
        parts = [encode(value.start), encode(value.stop), encode(value.step)]
        return {"range": parts, "values": values(value), "shuffle": value.shuffle, "tags": sorted(value.tags)}
    if isinstance(value, IntervalSweep):
        return {"interval": [encode(value.start), encode(value.end)], "tags": sorted(value.tags)}
    assert isinstance(value, Glob), value
    return {"glob": encode(value.include), "exclude": encode(value.exclude)}


def values(sweep):
    try:
        return encode(list(sweep.range()))
    except Exception:
        return "error"


def read(parser, line):
    try:
        override = parser.parse_override(line)
    except Exception as error:
        return {"line": line, "error": type(error.__cause__ or error).__name__}
    result = {"line": line, "type": override.type.name, "key": override.key_or_group, "package": override.package}
    return result if override.value_type is None else {**result, "kind": override.value_type.name, "value": encode(override._value)}


def jobs(parser, lines, largest):
    try:
        batches = BasicSweeper.split_arguments(parser.parse_overrides(lines), largest)
    except Exception as error:
        return {"lines": lines, "largest": largest, "error": str(error)}
    return {"lines": lines, "largest": largest, "batches": batches}


def apply(line):
    overrides = line if isinstance(line, list) else [line]
    try:
        config = OmegaConf.to_container(compose("config", overrides=overrides))
    except Exception as error:
        return {"overrides": overrides, "error": f"{type(error).__name__}: {error}"}
    return {"overrides": overrides, "config": encode(config)}


def applied():
    with TemporaryDirectory() as folder:
        Path(folder, "config.yaml").write_text(CONFIG)
        with initialize_config_dir(folder, version_base="1.3"):
            return [apply(line) for line in APPLY]


def main():
    parser = OverridesParser.create()
    lines = [f"a={value}" for value in VALUES + SPACED + SWEEPS] + LINES
    golden = {
        "hydra": __version__,
        "overrides": [read(parser, line) for line in dict.fromkeys(lines)],
        "jobs": [jobs(parser, *job) for job in JOBS],
        "config": CONFIG,
        "applied": applied(),
    }
    path = Path(__file__).parents[2] / "tests/goldens/config/hydra-overrides.json"
    path.write_text(dump(golden))


def dump(golden):
    """One line a case, so that a difference is one line too."""
    sections = []
    for name, value in golden.items():
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list):
            text = "[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in value) + "\n]"
        sections.append(f"{json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(sections) + "\n}\n"


main()
