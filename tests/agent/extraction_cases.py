"""Calls as each family writes them: texts of our own, with what must be found in them."""

from __future__ import annotations

from tests.agent.extraction_case import ARGUMENTS, JSON, STOP, WEIGH, Case, case

FAMILIES: dict[str, Case] = {
    "hermes": case(f"Now.<tool_call>\n{JSON}\n</tool_call>", WEIGH, content="Now."),
    "method": case(f'{{"method": "weigh", "params": {ARGUMENTS}}}', WEIGH),
    "namespace": case(f"<function=functions.weigh>{ARGUMENTS}</function>", WEIGH),
    "wrapped": case(f"<function_call name=\"weigh\" arguments='{ARGUMENTS}'/>", WEIGH),
    "plamo": case(
        "<|plamo:begin_tool_requests:plamo|><|plamo:begin_tool_request:plamo|>"
        "<|plamo:begin_tool_name:plamo|>weigh<|plamo:end_tool_name:plamo|>"
        f"<|plamo:begin_tool_arguments:plamo|><|plamo:msg|>{ARGUMENTS}"
        "<|plamo:end_tool_arguments:plamo|><|plamo:end_tool_request:plamo|>"
        "<|plamo:end_tool_requests:plamo|>",
        WEIGH,
    ),
    "qwen_first": case(f"✿FUNCTION✿: weigh\n✿ARGS✿: {ARGUMENTS}\n✿RESULT✿", WEIGH),
    "tool_args_elements": case(f"<tool>weigh</tool>\n<args>{ARGUMENTS}</args>", WEIGH),
    "action_elements": case(
        f"<action>weigh</action><action_input>{ARGUMENTS}</action_input>", WEIGH
    ),
    "harmony_without_tokens": case(f"to=functions.weigh json{ARGUMENTS}", WEIGH),
    "hunyuan_fenced": case(
        f"<tool_calls>\n<tool_call>weigh\n```json\n{ARGUMENTS}\n```\n</tool_call>\n</tool_calls>",
        WEIGH,
    ),
    "minimax_arrows": case(
        '[TOOL_CALL]\n{tool => "weigh", args => {\n  --grams 7\n'
        '  --label "a < b"\n}}\n[/TOOL_CALL]',
        WEIGH,
    ),
    "minicpm_3": case(
        "<|tool_call_start|>\n```python\nweigh(grams=7, label='a < b')\n```\n<|tool_call_end|>",
        WEIGH,
    ),
    "gorilla": case("<<function>>weigh(grams=7, label='a < b')", WEIGH),
    "fenced_by_name": case(f"```weigh\n{ARGUMENTS}\n```", WEIGH),
    "hermes_two": case(
        f'<tool_call>{JSON}</tool_call>\n<tool_call>{{"name": "stop", "arguments": {{}}}}',
        WEIGH,
        STOP,
    ),
    "hermes_brace_short": case(f"<tool_call>{JSON[:-1]}</tool_call> Done.", WEIGH, content="Done."),
    "hermes_brace_long": case(f"<tool_call>{JSON}}}</tool_call>", WEIGH),
    "listed": case(f"<tool_calls>[{JSON}]</tool_calls>", WEIGH),
    "listed_lines": case(f"<tool_calls>\n{JSON}\n{JSON}\n</tool_calls>", WEIGH, WEIGH),
    "nemotron": case(f"<TOOLCALL>[{JSON}]</TOOLCALL>", WEIGH),
    "granite": case(f"<|tool_call|>[{JSON}]", WEIGH),
    "granite_20b": case(f"Yes. <function_call> {JSON}", WEIGH, content="Yes."),
    "functools": case(f"functools[{JSON}]", WEIGH),
    "internlm": case(f"<|action_start|><|plugin|>\n{JSON}<|action_end|>", WEIGH),
    "longcat": case(f"<longcat_tool_call>{JSON}</longcat_tool_call>", WEIGH),
    "apertus": case(f'<|tools_prefix|>[{{"weigh": {ARGUMENTS}}}]<|tools_suffix|>', WEIGH),
    "gigachat": case(f"function call<|role_sep|>\n{JSON}", WEIGH),
    "cohere": case(
        (
            '<|START_THINKING|>hm<|END_THINKING|><|START_ACTION|>[{"tool_call_id": "0", '
            f'"tool_name": "weigh", "parameters": {ARGUMENTS}}}]<|END_ACTION|>'
        ),
        WEIGH,
    ),
    "cohere_words": case(
        f'Action:\n```json\n[{{"tool_name": "weigh", "parameters": {ARGUMENTS}}}]\n```', WEIGH
    ),
    "llama": case(f'<|python_tag|>{JSON}; {{"name": "stop", "parameters": {{}}}}', WEIGH, STOP),
    "llama_built_in": case('<|python_tag|>sh.call(command="ls")', ("sh", {"command": "ls"})),
    "llama_code": case("<|python_tag|>print(1)\n", ("python", {"code": "print(1)\n"})),
    "mistral": case(f"[TOOL_CALLS] [{JSON}]", WEIGH),
    "mistral_arguments": case(
        f"So:[TOOL_CALLS]weigh[ARGS]{ARGUMENTS}[TOOL_CALLS]stop[CALL_ID]a1b2[ARGS]{{}}",
        WEIGH,
        STOP,
        content="So:",
    ),
    "mistral_think": case(f"[THINK]hm[/THINK][TOOL_CALLS]weigh{ARGUMENTS}", WEIGH),
    "pythonic": case("[weigh(grams=7, label='a < b'), stop()]", WEIGH, STOP),
    "pythonic_tagged": case(
        '<|tool_call_start|>[weigh(grams=7, label="a < b")]<|tool_call_end|>', WEIGH
    ),
    "pythonic_positional": case('<|python_start|>[weigh(7, "a < b")]<|python_end|>', WEIGH),
    "pythonic_triple": case(
        '<|python_start|>[python(code="""x = "1"\ny""")]<|python_end|>',
        ("python", {"code": 'x = "1"\ny'}),
    ),
    "pythonic_unescaped": case(
        "<|tool_call_start|>[sh(command='echo 'a, b' | wc')]<|tool_call_end|>",
        ("sh", {"command": "echo 'a, b' | wc"}),
    ),
    "pythonic_set": case(
        "<function_calls>note(tags={'x', 'y'}, pinned=True)</function_calls>",
        ("note", {"tags": ["x", "y"], "pinned": True}),
    ),
    "olmo_lines": case('weigh(grams=7, label="a < b")\nstop()', WEIGH, STOP, model="olmo-3"),
    "qwen_coder": case(
        (
            "<tool_call>\n<function=weigh>\n<parameter=grams>\n7\n</parameter>\n"
            "<parameter=label>\na < b\n</parameter>\n</function>\n</tool_call>"
        ),
        WEIGH,
    ),
    "qwen_coder_forgot": case(
        "<function=weigh>\n<parameter=grams>7\n<parameter=label>a < b\n</function>", WEIGH
    ),
    "qwen_coder_tags_inside": case(
        "<function=note>\n<parameter=text>\nwrite </parameter> so\n</parameter>\n</function>",
        ("note", {"text": "write </parameter> so"}),
    ),
    "seed": case(
        (
            "<seed:think>hm</seed:think><seed:tool_call>\n<function=weigh>\n<parameter=grams>7"
            "</parameter>\n<parameter=label>a < b</parameter>\n</function>\n</seed:tool_call>"
        ),
        WEIGH,
    ),
    "llama_function": case(f"<function=weigh>{ARGUMENTS}</function>", WEIGH),
    "invoke": case(
        (
            '<minimax:tool_call>\n<invoke name="weigh">\n<parameter name="grams">7</parameter>\n'
            '<parameter name="label">a < b</parameter>\n</invoke>\n</minimax:tool_call>'
        ),
        WEIGH,
    ),
    "dsml": case(
        (
            '<｜DSML｜function_calls>\n<｜DSML｜invoke name="weigh">\n<｜DSML｜parameter name='
            '"grams" string="false">7</｜DSML｜parameter>\n<｜DSML｜parameter name="label" '
            'string="true">'
            "a < b</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>"
        ),
        WEIGH,
    ),
    "minicpm": case(
        (
            '<function name="weigh"><param name="grams">7</param>'
            '<param name="label"><![CDATA[a < b]]></param></function>'
        ),
        WEIGH,
    ),
    "attributes": case('<tool name="weigh" grams="7" label="a < b"/>', WEIGH),
    "named": case(
        (
            "<use_mcp_tool>\n<server_name>x</server_name>\n<tool_name>weigh</tool_name>\n"
            f"<arguments>\n{ARGUMENTS}\n</arguments>\n</use_mcp_tool>"
        ),
        WEIGH,
    ),
    "element": case("<weigh>\n<grams>7</grams>\n<label>a < b</label>\n</weigh>", WEIGH),
    "glm": case(
        (
            "<tool_call>weigh\n<arg_key>grams</arg_key>\n<arg_value>7</arg_value>\n"
            "<arg_key>label</arg_key>\n<arg_value>a < b</arg_value>\n</tool_call>"
        ),
        WEIGH,
    ),
    "glm_empty": case("<tool_call>stop</tool_call>", STOP),
    "hunyuan": case(
        (
            "<tool_calls:x>\n<tool_call:x>weigh<tool_sep:x>\n<arg_key:x>grams</arg_key:x>\n"
            "<arg_value:x>7</arg_value:x>\n<arg_key:x>label</arg_key:x>\n<arg_value:x>a < b"
            "</arg_value:x>\n</tool_call:x>\n</tool_calls:x>"
        ),
        WEIGH,
    ),
    "deepseek": case(
        (
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weigh\n```json\n"
            f"{ARGUMENTS}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
        ),
        WEIGH,
    ),
    "deepseek_31": case(
        (
            f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weigh<｜tool▁sep｜>{ARGUMENTS}"
            "<｜tool▁call▁end｜><｜tool▁call▁begin｜>stop<｜tool▁sep｜>{}<｜tool▁call▁end｜>"
            "<｜tool▁calls▁end｜>ok"
        ),
        WEIGH,
        STOP,
        content="ok",
    ),
    "step": case(
        (
            "<｜tool_calls_begin｜><｜tool_call_begin｜>function<｜tool_sep｜><steptml:invoke name="
            '"weigh">'
            '<steptml:parameter name="grams">7</steptml:parameter><steptml:parameter name="label">'
            "a < b</steptml:parameter></steptml:invoke><｜tool_call_end｜><｜tool_calls_end｜>"
        ),
        WEIGH,
    ),
    "kimi": case(
        (
            "<|tool_calls_section_begin|><|tool_call_begin|>functions.weigh:0"
            f"<|tool_call_argument_begin|>{ARGUMENTS}<|tool_call_end|><|tool_calls_section_end|>"
        ),
        WEIGH,
    ),
    "kimi_k3": case(
        (
            '<|open|>tools<|sep|><|open|>call tool="weigh" index="1"<|sep|><|open|>argument key='
            '"grams" type="number"<|sep|>7<|close|>argument<|sep|><|open|>argument key="label" '
            'type="string"<|sep|>a < b<|close|>argument<|sep|><|close|>call<|sep|>'
            "<|close|>tools<|sep|>"
        ),
        WEIGH,
    ),
    "minimax_m3": case(
        (
            ']<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name="note">]<]minimax[>[<tags>'
            "]<]minimax[>[<item>x]<]minimax[>[</item>]<]minimax[>[<item>2]<]minimax[>[</item>"
            "]<]minimax[>[</tags>]<]minimax[>[</invoke>\n]<]minimax[>[</tool_call>"
        ),
        ("note", {"tags": ["x", 2]}),
    ),
    "minimax_m3_text_or_object": case(
        (
            ']<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name="mark">]<]minimax[>[<label>'
            "]<]minimax[>[<b>x]<]minimax[>[</b>]<]minimax[>[</label>"
            "]<]minimax[>[</invoke>\n]<]minimax[>[</tool_call>"
        ),
        ("mark", {"label": "]<]minimax[>[<b>x]<]minimax[>[</b>"}),
    ),
    "solar": case(
        (
            "<|tool_calls|><|tool_call:begin|>1<|tool_call:name|>weigh<|tool_call:args|>"
            f"{ARGUMENTS}<|tool_call:end|>"
        ),
        WEIGH,
    ),
    "inkling": case(
        f"<|message_model|>weigh<|content_invoke_tool_json|>{JSON}<|end_message|>", WEIGH
    ),
    "gemma": case(
        (
            '<|channel>thought\nhm<channel|><|tool_call>call:weigh{grams:7,label:<|"|>a < b<|"|>}'
            "<tool_call|>"
        ),
        WEIGH,
    ),
    "gemma_function": case(
        "<start_function_call>call:weigh{grams:7,label:<escape>a < b<escape>}<end_function_call>",
        WEIGH,
    ),
    "harmony": case(
        (
            "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary "
            f"to=functions.weigh <|constrain|>json<|message|>{ARGUMENTS}<|call|>"
        ),
        WEIGH,
    ),
    "harmony_head": case(f" to=functions.weigh<|channel|>commentary<|message|>{ARGUMENTS}", WEIGH),
    "harmony_code": case(
        "<|start|>assistant<|channel|>commentary to=python<|message|>print(1)<|call|>",
        ("python", {"code": "print(1)"}),
    ),
    "functionary": case(f"weigh\n{ARGUMENTS}", WEIGH),
    "functionary_several": case(
        f">>>all\nHello\n>>>weigh\n{ARGUMENTS}", WEIGH, content="Hello", model="functionary-v3"
    ),
    "fenced": case(f"So:\n```json\n{JSON}\n```\nDone.", WEIGH, content="So:\nDone."),
    "fenced_python": case("```tool_code\nweigh(grams=7, label='a < b')\n```", WEIGH),
    "bare": case(JSON, WEIGH),
    "bare_list": case(f"[{JSON}, {JSON}]", WEIGH, WEIGH),
    "bare_in_prose": case(f"I call {JSON} now.", WEIGH, content="I call now."),
    "bare_javascript": case(
        (
            "{ tool_calls: [{ id: c1, type: function, function: { name: weigh, "
            'arguments: "{\\"grams\\": 7, \\"label\\": \\"a < b\\"}" } }] }'
        ),
        WEIGH,
    ),
    "bare_python": case(
        "{'name': 'note', 'arguments': {'pinned': True,}}", ("note", {"pinned": True})
    ),
    "spoken": case(f"TOOL: weigh\nARGUMENTS: {ARGUMENTS}", WEIGH),
    "spoken_react": case(
        f"I will.\nAction: weigh\nAction Input: {ARGUMENTS}", WEIGH, content="I will."
    ),
    "unknown_family": case(f"<|xyz_tool_begin|>{JSON}<|xyz_tool_end|>", WEIGH),
    "unknown_square": case(f"[TOOL_REQUEST]{JSON}[/TOOL_REQUEST]", WEIGH),
    "wrapped_call": case(f"<tool_calls>\n<tool_call>{JSON}</tool_call>\n</tool_calls>", WEIGH),
    "name_then_json": case(f"<tool_call>weigh\n{ARGUMENTS}\n</tool_call>", WEIGH),
    "printed_call": case("<tool_code>\nprint(stop())\n</tool_code>", STOP),
    "lines_of_calls": case("<think>hm</think>stop()\nstop()", STOP, STOP),
    "wrapped_json": case(f"<response>\n{JSON}\n</response>", WEIGH),
}
