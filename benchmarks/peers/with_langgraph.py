"""LangGraph: a graph of one node on AsyncSqliteSaver; each task is a thread of its own.

It sets WAL; ``full`` is SQLite's default of flushing at each commit, as it comes. ``normal`` is
``synchronous=NORMAL``, set on its connection. Variants are its ``durability``: ``sync`` (each
checkpoint is stored before the next step: what the others do), ``async`` (its default: stored while
the next step runs), ``exit`` (stored at the end only, so that no step is remembered).
"""

import asyncio
from typing import TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from measuring import Question, asked, measure


class State(TypedDict):
    number: int


async def step(state: State) -> State:
    return {"number": state["number"]}


def graph_with(saver: AsyncSqliteSaver):
    graph = StateGraph(State)
    graph.add_node("step", step)
    graph.add_edge(START, "step")
    graph.add_edge("step", END)
    return graph.compile(checkpointer=saver)


async def main(question: Question) -> None:
    path = str(question.directory / "langgraph.db")
    async with AsyncSqliteSaver.from_conn_string(path) as saver:
        await saver.setup()
        await saver.conn.execute(f"PRAGMA synchronous={question.durability}")
        app = graph_with(saver)

        async def one(number: int) -> int:
            config = {"configurable": {"thread_id": str(number)}}
            given = await app.ainvoke({"number": number}, config, durability=question.variant)
            return given["number"]

        await measure(question, one)


if __name__ == "__main__":
    asyncio.run(main(asked()))
