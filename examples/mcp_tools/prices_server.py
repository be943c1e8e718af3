"""An MCP server with one tool, over standard input and output."""

from mcp.server.fastmcp import FastMCP

server = FastMCP("prices")
PRICES = {"tea": 4.2, "milk": 1.1}


@server.tool()
def price(product: str) -> float:
    """The price of a product."""
    return PRICES[product]


if __name__ == "__main__":
    server.run(transport="stdio")
