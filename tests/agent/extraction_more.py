"""More of what families write: their other forms, ends that are missing, values that are hard."""

from __future__ import annotations

from tests.agent.extraction_case import ARGUMENTS, CALL, CALL_END, JSON, STOP, WEIGH, Case, case

HARD_JSON = r'{"text": "say \"hi\"\n</tool_call> {x} é 😀"}'
HARD = ("note", {"text": 'say "hi"\n</tool_call> {x} é 😀'})
PARAMETERS = JSON.replace("arguments", "parameters")

JSON_IN_TAGS: dict[str, Case] = {
    "hermes_hard_values": case(
        f'{CALL}\n{{"name": "note", "arguments": {HARD_JSON}}}\n{CALL_END}', HARD
    ),
    "hermes_no_end_at_the_end": case(f"Sure.\n{CALL}\n{JSON}\n", WEIGH, content="Sure."),
    "hermes_ended_by_the_turn": case(f"{CALL}\n{JSON}<|im_end|>", WEIGH),
    "hermes_two_in_one": case(f"{CALL}\n{JSON}\n{JSON}\n{CALL_END}", WEIGH, WEIGH),
    "hermes_text_around": case(
        f"One.\n{CALL}{JSON}{CALL_END}\nTwo.\n{CALL}{JSON}{CALL_END}\nThree.",
        WEIGH,
        WEIGH,
        content="One.\nTwo.\nThree.",
    ),
    "hermes_arguments_as_text": case(
        f'{CALL}{{"name": "weigh", "arguments": "{{\\"grams\\": 7, \\"label\\": \\"a < b\\"}}"}}'
        f"{CALL_END}",
        WEIGH,
    ),
    "hermes_arguments_first": case(
        f'{CALL}{{"arguments": {ARGUMENTS}, "name": "weigh"}}{CALL_END}', WEIGH
    ),
    "hermes_python_quotes": case(
        f"{CALL}\n{{'arguments': {{'grams': 7, 'label': 'a < b'}}, 'name': 'weigh', "
        f"'type': 'tool_call'}}\n{CALL_END}",
        WEIGH,
    ),
    "hermes_fenced_inside": case(f"{CALL}\n```json\n{JSON}\n```\n{CALL_END}", WEIGH),
    "qwen_25_coder_tools": case(f"<tools>\n{JSON}\n</tools>", WEIGH),
    "qwen_25_coder_tools_list": case(f"<tools>\n[\n{JSON},\n{JSON}\n]\n</tools>", WEIGH, WEIGH),
    "jamba": case(f" Sure!<tool_calls>[\n    {JSON}\n]</tool_calls>", WEIGH, content="Sure!"),
    "minimax_m1_no_end": case(f"<tool_calls>\n{JSON}\n", WEIGH),
    "xlam_after_thought": case(f"<think>hm</think>```json\n[{JSON}]\n```", WEIGH),
    "xlam_mistral_tag": case(f"[TOOL_CALLS]\n[{JSON}]", WEIGH),
    "nemotron_text_arguments": case(
        '<TOOLCALL>[{"name": "stop", "arguments": "{}"}]</TOOLCALL>', STOP
    ),
    "ernie": case(f"<think>hm</think>\n\n{CALL}\n{JSON}\n{CALL_END}\n", WEIGH),
    "apertus_several": case(
        f'<|tools_prefix|>[{{"weigh": {ARGUMENTS}}}, {{"stop": {{}}}}]<|tools_suffix|>', WEIGH, STOP
    ),
    "apertus_amid_thoughts": case(
        '<|inner_prefix|>hm<|tools_prefix|>[{"stop": {}}]<|tools_suffix|>', STOP
    ),
    "harmony_in_hermes_tags": case(
        f"{CALL}to=functions.weigh json\n{ARGUMENTS}\n{CALL_END}", WEIGH
    ),
    "lfm2_json": case(
        f"<|tool_call_start|>[{JSON}]<|tool_call_end|>On it.", WEIGH, content="On it."
    ),
    "pangu": case(
        f"some text\n<|tool_call_start|>\n[{JSON}]\n<|tool_call_end|>", WEIGH, content="some text"
    ),
    "intern_s1_spaced": case(f"<|action_start|> <|plugin|>\n{PARAMETERS}\n<|action_end|>", WEIGH),
    "granite_3_list": case(f"<|tool_call|>[{JSON}, {JSON}]", WEIGH, WEIGH),
    "phi_4_mini": case(f"<|tool_call|>[{JSON}]<|/tool_call|><|end|>", WEIGH),
    "phi_4_functools": case(f"functools[{JSON}, {JSON}]", WEIGH, WEIGH),
    "hyperclova_arrow": case(f" -> tool/function_call\n[{JSON}]<|im_end|>", WEIGH),
    "k2_think_fast": case(
        f"<ifm|think_fast>[stop()]</ifm|think_fast><ifm|tool_call>{JSON}</ifm|tool_call>", WEIGH
    ),
    "rwkv": case(f"Checking.\n**Tool Call:**\n```json\n{JSON}\n```", WEIGH, content="Checking."),
    "mistral_one_object": case(f"[TOOL_CALLS]{JSON}", WEIGH),
    "mistral_call_id_after": case(
        f'[TOOL_CALLS] [{{"name": "weigh", "arguments": {ARGUMENTS}, "id": "9Ae3bDc2F"}}]</s>',
        WEIGH,
    ),
    "mistral_space": case(f"[TOOL_CALLS] weigh [ARGS] {ARGUMENTS}</s>", WEIGH),
    "mistral_hard": case(f"[TOOL_CALLS]note[ARGS]{HARD_JSON}", HARD),
    "llama_semicolons": case(f"{JSON}; {JSON}", WEIGH, WEIGH, model="llama-3.1-8b"),
    "llama_type_first": case(
        f'{{"type": "function", "name": "weigh", "parameters": {ARGUMENTS}}}<|eot_id|>', WEIGH
    ),
    "llama_tag_no_end": case(f"<|python_tag|>{JSON}<|eom_id|>", WEIGH),
    "llama_function_tag_eos": case(f"<function=weigh>{ARGUMENTS}</function><|eom_id|>", WEIGH),
    "openai_text_arguments": case(
        '[{"id": "call_1", "type": "function", "function": {"name": "weigh", '
        '"arguments": "{\\"grams\\": 7, \\"label\\": \\"a < b\\"}"}}]',
        WEIGH,
    ),
    "openai_message": case(
        '{"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", '
        f'"function": {JSON}}}]}}',
        WEIGH,
    ),
}
OTHERS: dict[str, Case] = {
    "doubao": case(f"<|FunctionCallBegin|>[{PARAMETERS}]<|FunctionCallEnd|>", WEIGH),
    "yandex": case(f"[TOOL_CALL_START]weigh\n{ARGUMENTS}[TOOL_CALL_START]stop\n{{}}", WEIGH, STOP),
    "functionary_2": case(
        f"<|from|>assistant\n<|recipient|>weigh\n<|content|>{ARGUMENTS}<|stop|>", WEIGH
    ),
    "gemini": case(f'{{"functionCall": {{"name": "weigh", "args": {ARGUMENTS}}}}}', WEIGH),
    "bedrock": case(
        f'{{"toolUse": {{"toolUseId": "t1", "name": "weigh", "input": {ARGUMENTS}}}}}', WEIGH
    ),
    "claude_json": case(
        f'{{"type": "tool_use", "id": "toolu_1", "name": "weigh", "input": {ARGUMENTS}}}', WEIGH
    ),
    "openai_parallel": case(
        f'{{"tool_uses": [{{"recipient_name": "functions.weigh", "parameters": {ARGUMENTS}}}]}}',
        WEIGH,
    ),
    "langchain_elements": case(f"<tool>weigh</tool><tool_input>{ARGUMENTS}</tool_input>", WEIGH),
    "elements_cdata": case(
        f"{CALL}\n<name>weigh</name>\n<arguments>\n<grams>7</grams>\n"
        f"<label><![CDATA[a < b]]></label>\n</arguments>\n{CALL_END}",
        WEIGH,
    ),
    "apriel": case(f"[BEGIN FINAL RESPONSE]<tool_calls>[{JSON}]</tool_calls>", WEIGH),
    "surrogates": case(
        f'{CALL}{{"name": "note", "arguments": {{"text": "\\u5317\\ud83d\\ude00"}}}}{CALL_END}',
        ("note", {"text": "北😀"}),
    ),
    "line_ends_of_windows": case(f"{CALL}\r\n{JSON}\r\n{CALL_END}\r\n", WEIGH),
    "trailing_commas": case(
        f'{CALL}{{"name": "weigh", "arguments": {{"grams": 7, "label": "a < b",}},}}{CALL_END}',
        WEIGH,
    ),
}
IN_WORDS: dict[str, Case] = {
    "granite_python": case(
        'weigh(grams=7, label="a < b")\nstop()', WEIGH, STOP, model="granite-4.1-8b"
    ),
    "react": case(
        f"Thought: I must weigh it.\nAction: weigh\nAction Input: {ARGUMENTS}\nObservation:",
        WEIGH,
        content="Thought: I must weigh it.\nObservation:",
    ),
    "react_fenced": case(
        f'Thought: hm\nAction:\n```json\n{{"action": "weigh", "action_input": {ARGUMENTS}}}\n```',
        WEIGH,
        content="Thought: hm",
    ),
    "react_line": case(
        "Action: sh\nAction Input: ls -la | wc\nObservation: 3",
        ("sh", {"command": "ls -la | wc"}),
        content="Observation: 3",
    ),
    "react_python": case(
        "Thought: hm\nAction: weigh(grams=7, label='a < b')", WEIGH, content="Thought: hm"
    ),
    "react_blob": case(
        f'Action:\n```\n{{\n  "action": "weigh",\n  "action_input": {ARGUMENTS}\n}}\n```', WEIGH
    ),
    "smolagents": case(f"Thought: hm\nAction:\n{JSON}", WEIGH, content="Thought: hm\nAction:"),
    "fenced_tool_call": case(f"```tool_call\n{JSON}\n```", WEIGH),
    "fenced_no_end": case(f"So:\n```json\n{JSON}\n", WEIGH, content="So:"),
    "fenced_two": case(f"```json\n{JSON}\n```\n```json\n{JSON}\n```", WEIGH, WEIGH),
    "nested_quotes": case(
        """{"name": "sh", "arguments": {"command": "echo \\"it's\\" | sed 's/\\\\s/x/'"}}""",
        ("sh", {"command": "echo \"it's\" | sed 's/\\s/x/'"}),
    ),
    "raw_newlines": case(
        f'{CALL}{{"name": "python", "arguments": {{"code": "a = 1\n\tprint(a)"}}}}{CALL_END}',
        ("python", {"code": "a = 1\n\tprint(a)"}),
    ),
}
MORE = JSON_IN_TAGS | OTHERS | IN_WORDS
