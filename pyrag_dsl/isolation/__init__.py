"""Passes in processes that can reach nothing: the second wall.

`isolated` is the interpreter of a run whose passes other processes make. `pool` keeps these processes, `worker` is
their program, and `seccomp` filters their system calls. `wire` defines the messages, and `admission` checks the
replies. The package imports the language and the interpreter, but nothing of runs.
"""
