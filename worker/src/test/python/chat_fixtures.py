#!/usr/bin/env python3
"""Makes worker/src/test/resources/chat with Transformers itself: what ChatTemplateConformanceTest compares texts with.

    pip install transformers==5.18.0 jinja2==3.1.6
    python3 worker/src/test/python/chat_fixtures.py

conversations.jsonl: 50 conversations. templates/*.jinja are written by hand, in the manner of well-known families. rendered.jsonl: for each of
them and of the built-in templates and each conversation, the text and what is generated, or null where the template refuses; every other
conversation asks for a generation prompt. expressions.jsonl: one template a line, most of them one expression, and its text or null.
"""

import json
import pathlib
import random

from transformers.utils.chat_template_utils import render_jinja_template

ROOT = pathlib.Path(__file__).resolve().parents[4]
OUT = ROOT / "worker/src/test/resources/chat"
BUILT_IN = ROOT / "worker/src/main/resources/dev/kintsugi/worker/data/chat"

TEXTS = ["Hi", "What is 2 + 2?", "  spaces around  ", "two\nlines\n", "\n\nstarts with line ends", "", " ", "<b>bold</b> & 'quotes' \"double\"",
         "吾輩は猫である。名前はまだ無い。", "😀 👨‍👩‍👧 é ﬁ", "{{ messages }} {% if %} {# no #}", "tab\there \\n backslash", "a | b ~ c", "<|im_end|> </s> [INST]",
         "<think>\nlet me see\n</think>\n\nIt is 4.", "<r>result</r>", "```java\nint x = 1;\n```", "\u00a0nbsp\u2003em space\u3000", "nul \u0001 bell \u0007",
         "x" * 150, "json: {\"a\": [1, 2.5, null]}", "1", "None", "True"]
TOOLS = [{"type": "function", "function": {"name": "add", "description": "Adds \"two\" numbers <&>", "parameters": {
    "type": "object", "properties": {"a": {"type": "number", "default": 1.5}, "b": {"type": "integer"}}, "required": ["a", "b"]}}},
    {"type": "function", "function": {"name": "時刻", "description": "Tells the time.", "parameters": {}}}]


def conversations():
    random.seed(5)
    for n in range(50):
        messages = [{"role": "system", "content": random.choice(TEXTS)}] if n % 3 == 0 else []
        for turn in range(random.randrange(1, 4)):
            messages.append({"role": "user", "content": random.choice(TEXTS)})
            if n % 7 == 3 and turn == 0:
                call = {"type": "function", "function": {"name": "add", "arguments": {"a": 1.5, "b": random.randrange(99), "c": ["é", None, True]}}}
                messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
                messages.append({"role": "tool", "content": random.choice(TEXTS)})
            messages.append({"role": "assistant", "content": random.choice(TEXTS)})
        if n % 11 == 5:
            messages.insert(0, {"role": "assistant", "content": "I begin."})
        yield {"messages": messages, **({"tools": TOOLS[:1 + n % 2]} if n % 7 in (3, 4) else {})}


EXPRESSIONS = r"""
{{ 'a b c'.split(' ')[-1] }}|{{ ' a  b '.split() }}|{{ 'a,b,c'.split(',', 1) }}|{{ 'a,b,c'.rsplit(',', 1) }}|{{ 'a\nb\r\nc\n'.splitlines() }}
{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith(('x', 'bc')) }}{{ 'abc'.removeprefix('a').removesuffix('c') }}
{{ ' x \n'.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ '\n\na'.lstrip('\n') }}|{{ 'a  '.rstrip() }}|{{ '\u00a0 y\u3000'.strip() }}|{{ 'xyx' | trim('x') }}
{{ 'aXb'.lower() }}{{ 'aXb'.upper() }}{{ "hello wORLD it's".title() }}{{ 'hELLO'.capitalize() }}{{ 'hello world' | title }}{{ '' | capitalize }}
{{ 'aba'.replace('a','c') }}{{ 'aaa'.replace('a', 'b', 2) }}{{ 'a,b' | replace(',', ';') }}{{ 'abcabc'.count('bc') }}{{ 'abcabc'.rfind('b') }}
{{ true }} {{ false }} {{ none }} {{ True }} {{ None }} {{ 1.0 }} {{ 3 // 2 }} {{ -3 // 2 }} {{ 3 / 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 2 ** 3 }} {{ 4 / 2 }}
{{ messages }}
{{ messages[0] }}{{ messages[0].role }}{{ messages[0]['content'] }}
{{ messages|tojson }}{{ messages | tojson | length }}
{{ messages|tojson(indent=2) }}{{ {} | tojson(indent=2) }}{{ [] | tojson(indent=1) }}{{ {'b': 1, 'a': [[]]} | tojson(indent=1, sort_keys=true) }}
{{ {'é': '😀'} | tojson(ensure_ascii=true) }}{{ [1, 2] | tojson(separators=(',', ':')) }}{{ 'é\x7f\x01' | tojson }}{{ [1e20, 0.1, 1e-7, 100000.0] | tojson }}
{{ messages|length }}{{ messages[1:]|length }}{{ messages[:-1]|length }}{{ messages[::-1][0].content }}{{ messages[5:]|length }}{{ [1,2,3,4,5][-2:0:-1] }}{{ 'abcdef'[1:5:2] }}
{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem.role if loop.previtem is defined else 'x' }}{{ loop.nextitem.role if loop.nextitem else 'y' }}{{ loop.cycle('a', 'b') }}{% endfor %}
{% for m in messages if m.role == 'user' %}{{ loop.index }}{{ loop.last }}{{ m['content'] }}{% else %}none{% endfor %}
{% for m in [] %}x{% else %}none{% endfor %}{% for m in messages if false %}x{% else %}nothing{% endfor %}
{% for a in [1, 2] %}{% for b in [3, 4] %}{{ a }}{{ b }}{{ loop.depth }}{{ loop.first }} {% endfor %}{{ loop.index }}{% endfor %}
{% set ns = namespace(a=1, b='x') %}{% for m in messages %}{% set ns.a = ns.a + 1 %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c is defined }}
{% set x = 1 %}{% for m in messages %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}{% if true %}{% set x = 9 %}{% endif %}{{ x }}
{% if messages[0].role is defined and messages[0].nope is not defined and not nope is defined %}ok{% endif %}{{ messages[0].nope or 'fallback' }}
{{ 'a' in 'abc' }}{{ 'role' in messages[0] }}{{ 'zz' not in messages[0] }}{{ 3 in [1,2,3] }}{{ not 3 in [1] }}{{ 1 in nope }}
{{ messages[0].get('role') }}{{ messages[0].get('nope', 'dflt') }}{{ messages[0].get('nope') }}
{% for k, v in messages[0].items() %}{{ k }}={{ v }};{% endfor %}{% for k in messages[0] %}{{ k }};{% endfor %}{% for k, v in messages[0] | items %}{{ k }}{% endfor %}
{{ messages | map(attribute='role') | list }}{{ messages | map(attribute='role') | join(',') }}{{ ['a', 'b'] | map('upper') | join }}{{ messages | map(attribute='nope', default='-') | join }}
{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ messages | rejectattr('role', 'equalto', 'user') | list | length }}{{ messages | selectattr('tool_calls', 'defined') | list }}
{{ [0, 1, 2] | select | list }}{{ [0, 1, 2] | reject('odd') | list }}{{ [3, 1, 2] | select('gt', 1) | list }}{{ messages | selectattr('content') | list | length }}
{{ nope }}|{{ nope.x if nope is defined }}|{{ nope | default('d') }}{{ '' | default('e', true) }}{{ none | default('n') }}{{ nope | length }}{{ nope | list }}
{% macro f(a, b='q') %}[{{ a }}{{ b }}]{% endmacro %}{{ f(1) }}{{ f(1, b=2) }}{{ f('x', 'y') }}{{ f() }}
{%- set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, d) = [3, 4] %}{{ c }}{{ d }}
{% set c %}captured {{ 1 }} {% endset %}{{ c }}|{{ c | trim }}{% set u | upper %}abc{% endset %}{{ u }}
{{ 'x' ~ 1 ~ true ~ none }}{{ 'x' * 3 }}{{ 2 * 'ab' }}{{ [1,2] + [3] }}{{ 1 + 2 * 3 - 4 }}{{ (1 + 2) * 3 }}{{ 'a' ~ 1 * 2 }}
{{ messages[0].content is string }}{{ messages is iterable }}{{ messages is mapping }}{{ messages[0] is mapping }}{{ 1 is number }}{{ true is boolean }}{{ none is none }}{{ messages is sequence }}{{ 'abc' is sequence }}{{ true is number }}{{ 1 is integer }}{{ 1.0 is float }}{{ true is true }}{{ 1 is false }}{{ range is callable }}
{{ 'yes' if add_generation_prompt else 'no' }}{{ 'yes' if not add_generation_prompt }}{{ 1 if false else 2 if false else 3 }}
{{ (1 == 1) and not (2 > 3) or false }}{{ 1 < 2 <= 2 }}{{ 1 < 2 > 5 }}{{ 'b' > 'a' }}{{ 1 == 1.0 }}{{ 1 == true }}{{ '1' == 1 }}{{ [1, {'a': 2}] == [1, {'a': 2}] }}{{ none == false }}
{{ 0 or 'x' }}{{ 'a' and 'b' }}{{ '' or none }}{{ [] and 1 }}
{% for i in range(3) %}{{ i }}{% if i == 1 %}{% break %}{% endif %}{% endfor %}{% for i in range(0, 6, 2) %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}{{ range(5, 0, -2) | list }}
{{ "a\nb\t\"q\" 'z' \\ \u00e9 \x41 \d" }}{{ 'a' 'b' "c" }}{{ 'it\'s' }}
{{ {'a': 1, 'b': [1, none, true, 1.5, 'é"\n<>&']} | tojson }}{{ {'a': 1, 'b': [1, none, true, 'x']} }}{{ [1, 'a', none, true] }}{{ (1, 2) }}{{ (1,) }}{{ () }}{{ {} }}{{ [[]] }}
{{ ["it's", 'say "x"', 'both \' "', 'tab\t', '\x00\u200b\xa0é', '\\'] }}
{{ 'abc'[0] }}{{ 'abc'[-1] }}{{ 'abc'[1:] }}{{ 'abc'[:2] }}{{ '😀a'|length }}{{ '😀a'[0] }}{{ '😀a'[1] }}{{ '😀a'.find('a') }}{{ 'x😀y' | reverse }}
{{ ['b','a','C']|sort|join }}{{ [3,1]|first }}{{ [3,1]|last }}{{ 'x'|upper }}{{ [2, 1] | sort(reverse=true) }}{{ messages | sort(attribute='role') | map(attribute='role') | join }}{{ ['b', 'A'] | sort(case_sensitive=true) }}
{{ '  x '|trim }}{{ 'a\nb\n\nc'|indent(2) }}|{{ 'a\nb' | indent(1, true) }}|{{ 3|string + 'x' }}{{ '3'|int + 1 }}{{ 'z' | int }}{{ '2.7' | int }}{{ [1,2,3]|sum }}{{ [1,1,2]|unique|list }}{{ -5 | abs }}{{ '1.5' | float }}
{# comment #}a{#- c -#}  b {# c +#} c
{{ '<b>&"\'' }}{{ '<b>&"\'' | e }}{{ '<b>' | safe }}{{ '<b>' | escape }}
{{- 'x' -}}   y {{ 'z' }}   {{- 'w' }}
a{% raw %}{{ x }} {% y %}{% endraw %}b
{% filter upper %}abc{{ 'd' }}{% endfilter %}{% with z = 3, w = 4 %}{{ z }}{{ w }}{% endwith %}{{ z is defined }}
{% if messages|length > 1 and messages[-1].role == 'assistant' %}T{% elif false %}E{% else %}F{% endif %}
{% if '' %}a{% elif [] %}b{% elif {} %}c{% elif 0 %}d{% elif none %}e{% elif 0.0 %}g{% else %}f{% endif %}
{{ '%s-%s %d%%' % ('a', 1, 2) }}{{ '%s' % 'x' }}{{ "{} {}".format('a', 2) }}{{ '{1}{0}{n}{{}}'.format('a', 'b', n=1) }}{{ '%s!' | format('y') }}
{{ dict(a=1).a }}{{ dict(a=1) }}{{ [1,2,3][1] }}{{ [1,2,3].index(2) }}{{ 'x.y'.split('.')[1] }}
{{ 'abc' is in ['abc'] }}{{ 5 is divisibleby(5) }}{{ 5 is divisibleby 5 }}{{ 4 is even }}{{ 'a' is eq 'a' }}{{ 'a' is not eq 'b' }}{{ 3 is ge(3) }}
{{ 'A'.isupper() }}{{ 'a,b'.split(',') }}{{ 'x'.join(['a','b']) }}{{ 'aXb'.islower() }}{{ '12'.isdigit() }}{{ 'a b'.isalpha() }}{{ 'k=v=w'.partition('=') }}
{{ 1000000 }} {{ 1e20 }} {{ 1e15 }} {{ 1e16 }} {{ 0.1 }} {{ 0.00001 }} {{ 123456.789 }} {{ 10 - 12 }} {{ -3 }} {{ "3" + "4" }} {{ 7|float }} {{ 2.5|round }} {{ 3.14159|round(2) }} {{ 1_000 }}
{% for a, b in [[1,2],[3,4]] %}{{ a }}{{ b }}{% endfor %}{% for x in 'ab' %}{{ x }}.{% endfor %}{% for k in {'p': 1} %}{{ k }}{% endfor %}
{% set d = {'k': 'v', 'items': 3} %}{{ d.k }}{{ d['k'] }}{{ d['items'] }}{{ d.keys()|list }}{{ d.values()|list }}{{ d | dictsort }}
{{ messages[5] is defined }}{{ messages[0]['nope'] is none }}{{ messages[0].nope is undefined }}
{{ bos_token + 'x' + eos_token }}{{ tools is none }}{{ documents is none }}{{ tools is defined }}
{% generation %}abc{% endgeneration %}d{% for i in [1, 2] %}{% generation %}😀{{ i }}{% endgeneration %}-{% endfor %}
{{ nope.x }}
{{ nope + 1 }}
{{ none + 1 }}
{{ 'a' + 1 }}
{{ 1 / 0 }}
{{ messages.append(1) }}
{{ messages[0].update({'a': 1}) }}
{{ raise_exception('no') }}
{{ nope() }}
{% for x in none %}{% endfor %}
{% for x in 5 %}{% endfor %}
{{ 'x' | nosuchfilter }}
{{ 'x' is nosuchtest }}
{% include 'x' %}
{{ 1 + }}
{{ 'open
{% if true %}x
{% endif %}
{{ [1 }}
{{ ''.__class__.__mro__ }}
{{ messages.__class__.__base__.__subclasses__() }}
{{ 1 < 'a' }}
{{ 'a' ~ 1 + 2 }}
"""
BLOCKS = ["  {% if true %}\n  indented\n  {% endif %}\nafter\n", "a  {%- if true -%}  b  {%- endif -%}  c", "a\n  {%+ if true %}  b  {% endif +%}\n c\n\n",
          "a\n {# c #}\nb {# d #}\n  {{ 1 }}\n  {% set x = 1 %}\nend", "{% if true %}\n\n{% endif %}\n\nx\n\n", "x {% if true %} y\n{%- endif %}\r\nz\r\n",
          "\n\n  {%- set a = 1 -%}  \n\n b", "{{ 'a' }}\n{{ 'b' -}}\n\n{{ 'c' }}\n", "  {% raw %}\n x {% endraw %}\ny", "{% for i in [1,2] %}\n  {{ i }}\n{% endfor %}\n",
          "{% macro m() %}\n  in\n{% endmacro %}\n[{{ m() }}]", "\t {% if true %}t{% endif %}\n{% if 1 %}{% endif %}  \n", "{#\nlong\n#}\nx", "{{ {'a': {'b': 1}}['a'] }}"]


def render(template, conversation, prompt):
    try:
        texts, spans = render_jinja_template([conversation["messages"]], tools=conversation.get("tools"), chat_template=template,
                                             return_assistant_tokens_mask=True, add_generation_prompt=prompt, bos_token="<s>", eos_token="</s>")
        return {"text": texts[0], "generated": [list(s) for s in spans[0]]}
    except Exception:
        return None


def main():
    chats = list(conversations())
    (OUT / "conversations.jsonl").write_text("".join(json.dumps(c, ensure_ascii=False) + "\n" for c in chats))
    with open(OUT / "rendered.jsonl", "w") as out:
        for file in sorted((OUT / "templates").glob("*.jinja")) + sorted(BUILT_IN.glob("*.jinja")):
            for n, chat in enumerate(chats):
                result = render(file.read_text(), chat, n % 2 == 0)
                out.write(json.dumps({"template": file.stem, "conversation": n, "result": result}, ensure_ascii=False) + "\n")
    with open(OUT / "expressions.jsonl", "w") as out:
        for template in EXPRESSIONS.strip("\n").split("\n") + BLOCKS:
            result = render(template, chats[0], True)
            out.write(json.dumps({"template": template, "result": result}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
