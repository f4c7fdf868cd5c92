"""Talks to a provider's fake with the provider's own client, and checks requests against the client's own types.

Usage: official_clients.py talk KIND URL KEY | official_clients.py types KIND FILE. Prints what was found, a fact per line.
"""

import json
import sys

SYSTEM, QUESTION = "Find the cause.", "What broke?"
LOOK = {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}
SCHEMA = {"type": "object", "properties": {"cause": {"type": "string"}}, "required": ["cause"], "additionalProperties": False}


def fact(*words):
    print(*words, flush=True)


def told(calls):
    return ", ".join(f"{name} {json.dumps(arguments, sort_keys=True)}" for name, arguments in calls)


def gemini(url, key):
    from google import genai
    from google.genai import errors, types

    client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url))
    look = types.FunctionDeclaration(name="look", description="A tool.", parameters=LOOK)
    config = types.GenerateContentConfig(
        system_instruction=SYSTEM, max_output_tokens=500, tools=[types.Tool(function_declarations=[look])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    for stream in (False, True):
        contents = [types.Content(role="user", parts=[types.Part(text=QUESTION)])]
        if stream:
            parts = [part for chunk in client.models.generate_content_stream(model="fake-1", contents=contents, config=config)
                     for part in chunk.candidates[0].content.parts]
        else:
            parts = client.models.generate_content(model="fake-1", contents=contents, config=config).candidates[0].content.parts
        parts = [part for part in parts if part.function_call or part.text]
        calls = [part.function_call for part in parts if part.function_call]
        fact("calls", told((it.name, it.args) for it in calls))
        answers = [types.Part(function_response=types.FunctionResponse(id=it.id, name=it.name, response={"output": "up"})) for it in calls]
        contents += [types.Content(role="model", parts=parts), types.Content(role="user", parts=answers)]
        last = types.GenerateContentConfig(response_mime_type="application/json", response_schema={**SCHEMA, "additionalProperties": None})
        if stream:
            chunks = list(client.models.generate_content_stream(model="fake-1", contents=contents, config=last))
            text, end = "".join(it.text or "" for it in chunks), chunks[-1]
        else:
            end = client.models.generate_content(model="fake-1", contents=contents, config=last)
            text = end.text
        usage = end.usage_metadata
        fact("answer", text, end.candidates[0].finish_reason.name, usage.prompt_token_count, usage.candidates_token_count + usage.thoughts_token_count)
    refused = client.models.generate_content(model="fake-1", contents=QUESTION)
    fact("refused", refused.candidates[0].finish_reason.name)
    try:
        client.models.generate_content(model="fake-1", contents=QUESTION)
    except errors.ClientError as error:
        fact("limited", error.code, error.status)


def openai(url, key):
    import openai

    client = openai.OpenAI(base_url=url, api_key=key, max_retries=0)
    tools = [{"type": "function", "function": {"name": "look", "description": "A tool.", "parameters": LOOK}}]
    answer_format = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA}}
    for stream in (False, True):
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
        ask = dict(model="fake-1", messages=messages, max_completion_tokens=500, tools=tools)

        def said(**more):
            if not stream:
                answer = client.chat.completions.create(**ask, **more)
                return answer.choices[0].message, answer.choices[0].finish_reason, answer.usage
            with client.chat.completions.stream(**ask, **more, stream_options={"include_usage": True}) as events:
                for _ in events:
                    pass
                answer = events.get_final_completion()
                return answer.choices[0].message, answer.choices[0].finish_reason, answer.usage

        message, _, _ = said()
        fact("calls", told((it.function.name, json.loads(it.function.arguments)) for it in message.tool_calls))
        calls = [{"id": it.id, "type": "function", "function": {"name": it.function.name, "arguments": it.function.arguments}}
                 for it in message.tool_calls]
        messages.append({"role": "assistant", "content": message.content, "tool_calls": calls})
        messages += [{"role": "tool", "tool_call_id": it.id, "content": "up"} for it in message.tool_calls]
        message, end, usage = said(response_format=answer_format)
        fact("answer", message.content, end, usage.prompt_tokens, usage.completion_tokens)
    ask = dict(model="fake-1", messages=[{"role": "user", "content": QUESTION}])
    fact("refused", client.chat.completions.create(**ask).choices[0].finish_reason)
    try:
        client.chat.completions.create(**ask)
    except openai.RateLimitError as error:
        fact("limited", error.status_code, error.type)


def anthropic(url, key):
    import anthropic

    client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)
    tools = [{"name": "look", "description": "A tool.", "input_schema": LOOK}]
    for stream in (False, True):
        messages = [{"role": "user", "content": QUESTION}]

        def said(**more):
            ask = dict(model="fake-1", max_tokens=500, system=SYSTEM, messages=messages, **more)
            if not stream:
                return client.messages.create(**ask)
            with client.messages.stream(**ask) as events:
                return events.get_final_message()

        message = said(tools=tools)
        calls = [it for it in message.content if it.type == "tool_use"]
        fact("calls", told((it.name, it.input) for it in calls))
        content = [{"type": "tool_use", "id": it.id, "name": it.name, "input": it.input} if it.type == "tool_use"
                   else it.to_dict() for it in message.content]
        results = [{"type": "tool_result", "tool_use_id": it.id, "content": "up"} for it in calls]
        messages += [{"role": "assistant", "content": content}, {"role": "user", "content": results}]
        answer_format = {"format": {"type": "json_schema", "schema": SCHEMA}}
        message = said(tools=tools, tool_choice={"type": "none"}, output_config=answer_format)
        usage = message.usage
        read = usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens
        text = "".join(it.text for it in message.content if it.type == "text")
        fact("answer", text, message.stop_reason, read, usage.output_tokens)
    ask = dict(model="fake-1", max_tokens=500, messages=[{"role": "user", "content": QUESTION}])
    fact("refused", client.messages.create(**ask).stop_reason)
    try:
        client.messages.create(**ask)
    except anthropic.RateLimitError as error:
        fact("limited", error.status_code, error.body["error"]["type"])


def ollama(url, key):
    import ollama

    client = ollama.Client(host=url, headers={"authorization": f"Bearer {key}"})
    tools = [{"type": "function", "function": {"name": "look", "description": "A tool.", "parameters": LOOK}}]
    for stream in (False, True):
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]

        def said(**more):
            answer = client.chat(model="fake-1", messages=messages, stream=stream, options={"num_ctx": 4096}, **more)
            chunks = list(answer) if stream else [answer]
            calls = [call for it in chunks for call in it.message.tool_calls or []]
            return "".join(it.message.content or "" for it in chunks), calls, chunks[-1]

        _, calls, _ = said(tools=tools)
        fact("calls", told((it.function.name, dict(it.function.arguments)) for it in calls))
        messages.append(ollama.Message(role="assistant", content="", tool_calls=calls))
        messages += [{"role": "tool", "tool_name": it.function.name, "content": "up"} for it in calls]
        text, _, end = said(format=SCHEMA)
        fact("answer", text, end.done_reason, end.prompt_eval_count, end.eval_count)
    ask = dict(model="fake-1", messages=[{"role": "user", "content": QUESTION}])
    fact("refused", client.chat(**ask).message.content)
    try:
        client.chat(**ask)
    except ollama.ResponseError as error:
        fact("limited", error.status_code, error.error)


def known_fields(kind):
    """What the client's own types say of a request: a function that raises for one that is not of them."""
    import pydantic

    if kind == "openai":
        from openai.types.chat import completion_create_params as params
        both = {False: params.CompletionCreateParamsNonStreaming, True: params.CompletionCreateParamsStreaming}
        adapters = {key: pydantic.TypeAdapter(it) for key, it in both.items()}
        return lambda body: check_typed(adapters[body.get("stream", False)], both[body.get("stream", False)], body)
    if kind == "anthropic":
        from anthropic.types import message_create_params as params
        both = {False: params.MessageCreateParamsNonStreaming, True: params.MessageCreateParamsStreaming}
        adapters = {key: pydantic.TypeAdapter(it) for key, it in both.items()}
        return lambda body: check_typed(adapters[body.get("stream", False)], both[body.get("stream", False)], body)
    if kind == "ollama":
        from ollama._types import ChatRequest, Options
        return lambda body: (check_model(ChatRequest, body), check_model(Options, body["options"]),
                             [check_model(type(it), raw) for it, raw in zip(ChatRequest(**body).messages, body["messages"]) if not isinstance(it, dict)])
    from google.genai import types

    def of_gemini(body):
        known = {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig"}
        assert set(body) <= known, set(body) - known
        for content in body["contents"] + [body["systemInstruction"]]:
            types.Content.model_validate(content)
        for tool in body.get("tools", []):
            types.Tool.model_validate(tool)
        types.ToolConfig.model_validate(body.get("toolConfig", {}))
        types.GenerationConfig.model_validate(body["generationConfig"])
    return of_gemini


def check_typed(adapter, kind, body):
    unknown = set(body) - set(kind.__required_keys__ | kind.__optional_keys__)
    assert not unknown, unknown
    # Lists of messages are lazy in these types; they are looked at here, to the end.
    told = adapter.validate_python(body)
    for value in told.values():
        if not isinstance(value, (str, dict, list, int, float, bool, type(None))):
            list(value)


def check_model(kind, body):
    unknown = set(body) - set(kind.model_fields)
    assert not unknown, unknown
    kind.model_validate(body)


if sys.argv[1] == "talk":
    globals()[sys.argv[2]](*sys.argv[3:])
else:
    check = known_fields(sys.argv[2])
    bodies = [json.loads(it) for it in open(sys.argv[3])]
    for body in bodies:
        check(body)
    fact("types", len(bodies), "requests fit")
    # A check that takes anything would show nothing.
    broken = {**bodies[0], "novelty": 1}
    try:
        check(broken)
    except Exception as error:
        fact("types", "novelty" in str(error), "unknown field is seen")
