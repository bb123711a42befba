"""More of what families write: their other forms, ends that are missing, values that are hard."""

from __future__ import annotations

from tests.agent.extraction_case import ARGUMENTS, JSON, STOP, WEIGH, Case, case

HARD_JSON = r'{"text": "say \"hi\"\n</tool_call> {x} é 😀"}'
HARD = ("note", {"text": 'say "hi"\n</tool_call> {x} é 😀'})
PARAMETERS = JSON.replace("arguments", "parameters")
GCML = "<｜GCML｜"
DSML = "<｜DSML｜ "
PAIRS = (
    "<arg_key>grams</arg_key>\n<arg_value>7</arg_value>\n"
    "<arg_key>label</arg_key>\n<arg_value>a < b</arg_value>\n"
)
SOLAR = (
    "<|tool_call:start|>weigh\n<|tool_arg:start|>grams<|tool_arg:value|>7<|tool_arg:end|>\n"
    "<|tool_arg:start|>label<|tool_arg:value|>a < b<|tool_arg:end|>\n<|tool_call:end|>"
)
CALL, CALL_END = "<tool_call>", "</tool_call>"


def invoked(name: str, prefix: str = "", **texts: str) -> str:
    """As Claude was taught once; others have taken it over, each with a prefix of its own."""
    inner = "".join(
        f'<{prefix}parameter name="{key}">{text}</{prefix}parameter>\n'
        for key, text in texts.items()
    )
    return f'<{prefix}invoke name="{name}">\n{inner}</{prefix}invoke>'


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
TOKENS_AND_TAGS: dict[str, Case] = {
    "qwen_coder_json_values": case(
        f"{CALL}\n<function=note>\n<parameter=tags>\n['a', \"b\"]\n</parameter>\n"
        "<parameter=pinned>\nTrue\n</parameter>\n<parameter=text>\n  two\n  lines\n\n</parameter>\n"
        f"</function>\n{CALL_END}",
        ("note", {"tags": ["a", "b"], "pinned": True, "text": "  two\n  lines\n"}),
    ),
    "qwen_coder_no_last_end": case(
        f"{CALL}\n<function=weigh>\n<parameter=grams>\n7\n</parameter>\n"
        "<parameter=label>\na < b\n</parameter>\n</function>",
        WEIGH,
    ),
    "qwen_coder_several_functions": case(
        f"{CALL}\n<function=stop>\n</function>\n<function=stop>\n</function>\n{CALL_END}",
        STOP,
        STOP,
    ),
    "qwen_coder_begun_at_function": case(
        "I look.\n\n<function=sh>\n<parameter=command>\ncat <<'E' > a.html\n<b>x</b>\nE\n"
        f"</parameter>\n</function>\n{CALL_END}",
        ("sh", {"command": "cat <<'E' > a.html\n<b>x</b>\nE"}),
        content="I look.",
    ),
    "deepseek_r1_no_ends": case(
        "</think>\n\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weigh\n```json\n"
        f"{ARGUMENTS}\n```",
        WEIGH,
    ),
    "deepseek_plain_bars": case(
        f"<|tool_calls_begin|><|tool_call_begin|>weigh<|tool_sep|>{ARGUMENTS}<|tool_call_end|>"
        "<|tool_calls_end|>",
        WEIGH,
    ),
    "deepseek_v41_spaced_tags": case(
        f'{DSML}calls>\n{DSML}invoke name="weigh">\n{DSML}parameter name="grams" '
        f'string="false">7</｜DSML｜ parameter>\n{DSML}parameter name="label" string="true">a < b'
        "</｜DSML｜ parameter>\n</｜DSML｜ invoke>\n</｜DSML｜ calls>",
        WEIGH,
    ),
    "gigachat_35": case(
        f'{GCML}tool_calls>{GCML}invoke name="weigh">{GCML}parameter name="grams" string="false">7'
        f'</｜GCML｜parameter>{GCML}parameter name="label" string="true">a < b</｜GCML｜parameter>'
        "</｜GCML｜invoke></｜GCML｜tool_calls>",
        WEIGH,
    ),
    "kimi_no_section": case(
        f"<|tool_call_begin|>functions.weigh:3<|tool_call_argument_begin|>{ARGUMENTS}"
        "<|tool_call_end|>",
        WEIGH,
    ),
    "kimi_no_end": case(
        "Ok.<|tool_calls_section_begin|><|tool_call_begin|>functions.stop:0"
        "<|tool_call_argument_begin|>{}",
        STOP,
        content="Ok.",
    ),
    "glm_one_line": case(f"{CALL}weigh{PAIRS}{CALL_END}".replace("\n", ""), WEIGH),
    "glm_next_begins": case(f"{CALL}weigh\n{PAIRS}{CALL}stop\n{CALL_END}", WEIGH, STOP),
    "glm_53": case(f"{CALL}weigh>{ARGUMENTS}", WEIGH),
    "iquest_coder_2": case(f"<iquestcoder_tool_call>weigh\n{PAIRS}</iquestcoder_tool_call>", WEIGH),
    "iquest_q1": case("<iquest_tool_call>stop</iquest_tool_call>", STOP),
    "solar_2": case(SOLAR, WEIGH),
    "solar_2_no_arguments": case(
        "<|think:start|>hm<|think:end|>Ok.<|tool_call:start|>stop\n<|tool_call:end|>",
        STOP,
        content="Ok.",
    ),
    "solar_2_two": case(f"{SOLAR}\n{SOLAR}", WEIGH, WEIGH),
    "k2_typed": case(
        "<ifm|tool_calls>\n<ifm|tool_call>weigh\n<ifm|arg_key>grams</ifm|arg_key>"
        "<ifm|arg_type>integer</ifm|arg_type><ifm|arg_value>7</ifm|arg_value>"
        "<ifm|arg_key>label</ifm|arg_key><ifm|arg_value>a < b</ifm|arg_value></ifm|tool_call>\n"
        "</ifm|tool_calls>",
        WEIGH,
    ),
    "cwm": case(
        "<think>hm</think>\n<tool: sh>\nfind . -name '*.py' | wc -l\n</tool>",
        ("sh", {"command": "find . -name '*.py' | wc -l"}),
    ),
    "cwm_function": case(
        "first\n<tool: function>\nsh echo hi\n</tool>\n",
        ("sh", {"command": "echo hi"}),
        content="first",
    ),
    "gemma_4_ended_by_the_turn": case(
        '<|tool_call>call:sh{command:<|"|>ls<|"|>}<turn|>', ("sh", {"command": "ls"})
    ),
    "gemma_4_bare": case(
        '<|channel>thought\nhm\n<channel|>call:sh{command:<|"|>ls -l<|"|>}',
        ("sh", {"command": "ls -l"}),
    ),
    "gemma_3_code": case("```tool_code\nprint(weigh(grams=7, label='a < b'))\n```", WEIGH),
    "harmony_end_lost": case(
        "<|channel|>commentary to=functions.weigh <|constrain|>json<|message|>" + ARGUMENTS, WEIGH
    ),
    "harmony_preamble": case(
        "<|channel|>commentary<|message|>I will look.<|end|><|start|>assistant<|channel|>commentary"
        f" to=functions.weigh<|constrain|>json<|message|>{ARGUMENTS}<|call|>",
        WEIGH,
        content="I will look.",
    ),
    "harmony_recipient_first": case(
        f"<|start|>assistant to=functions.weigh<|channel|>commentary json<|message|>{ARGUMENTS}"
        "<|call|>",
        WEIGH,
    ),
    "harmony_on_analysis": case(
        f"<|channel|>analysis to=functions.weigh code<|message|>{ARGUMENTS}<|call|>", WEIGH
    ),
    "invoke_markup_inside": case(
        "<function_calls>\n" + invoked("note", text="a\n<b>&amp;</b>\n") + "\n</function_calls>",
        ("note", {"text": "a\n<b>&amp;</b>"}),
    ),
    "invoke_prefixed": case(
        "<x:function_calls>\n"
        + invoked("weigh", "x:", grams="7", label="a < b")
        + "\n</x:function_calls>",
        WEIGH,
    ),
    "invoke_two_no_wrapper": case(
        f"Both.\n{invoked('stop')}\n{invoked('weigh', grams='7', label='a < b')}",
        STOP,
        WEIGH,
        content="Both.",
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
    "invoke_two_in_one_wrapper": case(
        "<minimax:tool_call>\n"
        + invoked("note", tags='["a", "b"]', pinned="true")
        + f"\n{invoked('stop')}\n</minimax:tool_call>",
        ("note", {"tags": ["a", "b"], "pinned": True}),
        STOP,
    ),
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
MORE = JSON_IN_TAGS | TOKENS_AND_TAGS | OTHERS | IN_WORDS
