"""Passes in processes that can reach nothing: the second wall.

`isolated` is the interpreter of a run whose passes another process makes; `pool` keeps the processes; `worker` is what
they run, `seccomp` what the system refuses them; `wire` is what is said between them, and `admission` what the host
believes of it. It imports the language and the interpreter, and nothing of runs.
"""
