"""Asks Sentinel's MCP endpoint with the official client library, and serves tools for it with the official server library.

    mcp_client.py ask URL MODE     MODE is auto (the newest version) or legacy (the handshake); prints JSON
    mcp_client.py serve stdio      a server whose tool Sentinel may call
    mcp_client.py serve PORT
"""

import asyncio
import json
import sys

from mcp import Client, MCPError


async def ask(url, mode):
    async with Client(url, mode=mode) as client:
        tools = (await client.list_tools()).tools
        series = await client.call_tool("list_series", {})
        wrong = await client.call_tool("search_logs", {"oops": 1})
        proposed = await client.call_tool("propose_remediation", {"incident": "INC-1"})
        try:
            refused = (await client.call_tool("approve", {"plan": "PLAN-1"})).model_dump_json()
        except MCPError as error:
            refused = str(error)
        text = lambda result: result.content[0].text
        print(json.dumps({
            "tools": [it.name for it in tools],
            "changing": [it.name for it in tools if not it.annotations.read_only_hint],
            "series": text(series),
            "wrong": {"is_error": wrong.is_error, "text": text(wrong)},
            "proposed": {"is_error": proposed.is_error, "text": text(proposed)},
            "refused": refused,
        }))


def serve(where):
    from mcp.server.mcpserver import MCPServer
    from mcp_types import ToolAnnotations

    server = MCPServer("wiki")

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def lookup(page: str) -> str:
        """Looks up a page."""
        return f"The page {page} says that 42 pools are full."

    if where == "stdio":
        server.run(transport="stdio")
    else:
        server.run(transport="streamable-http", host="127.0.0.1", port=int(where))


if sys.argv[1] == "ask":
    asyncio.run(ask(sys.argv[2], sys.argv[3]))
else:
    serve(sys.argv[2])
