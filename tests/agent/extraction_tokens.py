"""More of what families write whose calls have a token or a tag around each of their parts."""

from __future__ import annotations

from tests.agent.extraction_case import ARGUMENTS, CALL, CALL_END, STOP, WEIGH, Case, case

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


def invoked(name: str, prefix: str = "", **texts: str) -> str:
    """As Claude was taught once; others have taken it over, each with a prefix of its own."""
    inner = "".join(
        f'<{prefix}parameter name="{key}">{text}</{prefix}parameter>\n'
        for key, text in texts.items()
    )
    return f'<{prefix}invoke name="{name}">\n{inner}</{prefix}invoke>'


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
    "invoke_two_in_one_wrapper": case(
        "<minimax:tool_call>\n"
        + invoked("note", tags='["a", "b"]', pinned="true")
        + f"\n{invoked('stop')}\n</minimax:tool_call>",
        ("note", {"tags": ["a", "b"], "pinned": True}),
        STOP,
    ),
}
