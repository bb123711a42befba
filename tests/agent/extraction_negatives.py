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
    "tag_in_inline_code": f"Write `<tool_call>{JSON}</tool_call>` to call it.",
    "shown_in_a_longer_fence": f"So:\n````markdown\n```json\n{JSON}\n```\n````\nDone.",
    "solar_2_cut_off": "<|tool_call:start|>sh\n<|tool_arg:start|>command<|tool_arg:value|>rm -rf /",
    "solar_2_spoken_of": "It begins with <|tool_call:start|>weigh\nand text follows.",
    "cwm_undeclared": "<tool: bash>\nls\n</tool>",
    "cwm_of_several_arguments": "<tool: weigh>\n7\n</tool>",
    "gemma_unmarked": "call:weigh{grams:7}",
    "glm_cut_off": "<tool_call>note\n<arg_key>pinned</arg_key>\n<arg_value>true</arg_value>",
    "glm_spoken_of": "Inside <tool_call>weigh>heavy it ends.",
    "rwkv_broken": '**Tool Call:**\n```json\n{ "name": "stop", "arguments": {"a": 7 }\n```',
    "fenced_in_a_tag": '<tool_call>\n```json\n{"a": 1}\n```',
    "shell_fence": "You can run:\n```bash\nperl -pe 's/a/b/' x\n```",
    "python_fence": "```python\nweigh(grams=7, label='x')\n```",
    "yaml_fence": "```yaml\ntool: weigh\narguments:\n  grams: 7\n```",
    "a_message": '{"role": "user", "content": "weigh it"}',
    "mistral_spoken_of": "[TOOL_CALLS] weigh is what it writes.",
    "react_lines": "Action: python\nAction Input: a = 1\nprint(a)",
    "react_spoken_of": "Action: stop() is what it says.",
    "twice": '<tool_call>{"name": "weigh", "arguments": {"grams": 1, "grams": 2}}</tool_call>',
}
