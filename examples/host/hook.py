"""A hook that looks at every call: it refuses some, bounds others, and counts.

    python hook.py
"""

import pyrag_dsl as pd


class Policy(pd.Hook):
    """No search for passwords, at most three passages, and a count of what was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def before_call(self, call: pd.Call) -> pd.Change | pd.Veto | None:
        self.asked += 1
        if "password" in str(call.arguments.get("query", "")).lower():
            return pd.Veto("nobody asks for passwords here")
        if call.tool == "retrieve" and call.arguments["topk"] > 3:
            return pd.Change({"topk": 3})
        return None


def retrieve(query: str, topk: int = 5) -> list[str]:
    return [f"{query}, passage {number}" for number in range(topk)]


def answer(query: str, docs: list[str]) -> str:
    return f"{len(docs)} passages"


TOOLS = {"retrieve": retrieve, "answer": answer}

if __name__ == "__main__":
    policy = Policy()
    print(pd.run('final_answer = answer("How many?", retrieve("Dune", topk=9))', TOOLS, hooks=[policy]).final_answer)
    print(policy.asked)
    try:
        pd.run('final_answer = retrieve("the password of Ann")', TOOLS, hooks=[policy])
    except pd.ToolFailed as refused:
        print(refused)
