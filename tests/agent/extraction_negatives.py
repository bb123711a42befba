"""Texts in which there is no call, and which must be shown as they are."""

from __future__ import annotations

from tests.agent.extraction_case import JSON

NO_CALLS = {
    "undeclared": '<tool_call>{"name": "launch", "arguments": {}}</tool_call>',
    "undeclared_xml": "<function=launch>\n<parameter=a>\n1\n</parameter>\n</function>",
    "undeclared_bare": '{"name": "launch", "arguments": {}}',
    "one_of_two_undeclared": f'[{JSON}, {{"name": "launch", "arguments": {{}}}}]',
    "data": '{"name": "weigh", "arguments": {}, "price": 3}',
    "no_arguments": '{"name": "weigh"}',
    "cut_off": '<tool_call>{"name": "sh", "arguments": {"command": "rm -rf /tm',
    "cut_off_xml": "<tool_call>\n<function=sh>\n<parameter=command>\nrm -rf /tm",
    "imagined": f"<tool_response>\n{JSON}\n</tool_response>",
    "described": '{"type": "function", "function": {"name": "weigh", "parameters": '
    '{"type": "object", "properties": {}}}}',
    "printed": "print(stop())",
    "code": f"```python\ncall = {JSON}\n```",
    "inline_code": f"Write `{JSON}` to call it.",
    "link": "See [stop()](https://example.org).",
    "index": "rows[stop()]",
    "variable": "<|python_start|>[weigh(grams=x)]<|python_end|>",
    "spoken_of": "Use <tool_call> tags around {braces} and [brackets].",
    "prose": "1. First weigh it.\n2. Then stop(): that is all. a < b > c",
    "nan": '<tool_call>{"name": "weigh", "arguments": {"grams": NaN}}</tool_call>',
    "infinite": '<tool_call>{"name": "weigh", "arguments": {"grams": 1e999}}</tool_call>',
    "endless": f'<tool_call>{{"name": "weigh", "arguments": {{"grams": 1{"0" * 99}}}}}</tool_call>',
    "twice": '<tool_call>{"name": "weigh", "arguments": {"grams": 1, "grams": 2}}</tool_call>',
}
